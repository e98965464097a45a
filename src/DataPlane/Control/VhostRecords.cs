using Nf.DataPlane.Vhost.Rings;
using Nf.DataPlane.Vhost.Session;
using Nf.Linux;

namespace Nf.DataPlane.Control;

/// <summary>What must be known of a vhost device when the process has died and no descriptor says: whether a message
/// was in hand, and how far each ring is. A memory file of one cache line each.</summary>
internal sealed unsafe class VhostRecords : IDisposable
{
    private const int LineBytes = 64;

    private readonly MappedMemory _memory;
    private readonly int _rings;

    private VhostRecords(FileDescriptor file, MappedMemory memory, int rings)
    {
        File = file;
        _memory = memory;
        _rings = rings;
    }

    /// <summary>The memfd, which stays with the keeper.</summary>
    internal FileDescriptor File { get; }

    /// <summary>The record of the connection.</summary>
    // SAFETY: the first line of a mapping of at least one.
    internal SessionRecord* Session => (SessionRecord*)_memory.Address;

    internal static VhostRecords Create(string name, int rings)
    {
        FileDescriptor file = MemFile.Create($"nf-vhost-{name}", SizeBytes(rings), new MemFileOptions());
        return new VhostRecords(file, MapAll(file, rings), rings);
    }

    /// <exception cref="InvalidDataException">It is not of a device with so many rings.</exception>
    internal static VhostRecords Adopt(FileDescriptor file, int rings) => file.Length == SizeBytes(rings)
        ? new VhostRecords(file, MapAll(file, rings), rings)
        : throw new InvalidDataException(
            $"the records have {file.Length} bytes, {rings} rings have {SizeBytes(rings)}");

    /// <summary>The record of a ring.</summary>
    internal VringRecord* Ring(int ring)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(ring);
        ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual(ring, _rings);

        // SAFETY: the mapping has a line for the connection and one per ring.
        return (VringRecord*)(_memory.Address + LineBytes) + ring;
    }

    /// <summary>Forgets everything: the connection they speak of is over.</summary>
    internal void Clear() => _memory.AsSpan(0, LineBytes * (1 + _rings)).Clear();

    public void Dispose()
    {
        _memory.Dispose();
        File.Dispose();
    }

    private static int SizeBytes(int rings) => (LineBytes * (1 + rings) + 4095) & ~4095;

    private static MappedMemory MapAll(FileDescriptor file, int rings) =>
        MappedMemory.Map(file, 0, SizeBytes(rings), MapAccess.ReadWrite, populate: true);
}
