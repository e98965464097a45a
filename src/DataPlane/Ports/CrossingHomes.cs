using Nf.SharedMemory.Segments;

namespace Nf.DataPlane.Ports;

/// <summary>The homes of all workers by number, so that each finds what the others handed over.</summary>
/// <remarks>A home is there before its first token is anywhere, and stays.</remarks>
internal sealed class CrossingHomes
{
    private readonly CrossingHome?[] _homes = new CrossingHome?[SegmentLayout.WorkerCountMax];

    /// <summary>The home of a token.</summary>
    internal CrossingHome this[int number] => _homes[number]!;

    /// <summary>The home of a worker; null when it has none yet.</summary>
    internal CrossingHome? Find(int number) => Volatile.Read(ref _homes[number]);

    /// <summary>Makes a home known.</summary>
    internal void Add(CrossingHome home) => Volatile.Write(ref _homes[home.Number], home);
}
