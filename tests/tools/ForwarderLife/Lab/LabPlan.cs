using Nf.SharedMemory.Umems;

namespace Nf.DataPlane.Lab;

/// <summary>A UMEM of a lab.</summary>
internal sealed record LabUmem(
    uint Chunks, uint ChunkSize = 2048, uint Headroom = 0, bool Unaligned = false, uint TxMetadata = 0)
{
    internal UmemGeometry Geometry()
    {
        IReadOnlyList<UmemFault> faults = UmemGeometry.Check(
            new UmemRequest
            {
                SizeBytes = (ulong)Chunks * ChunkSize,
                ChunkSizeBytes = ChunkSize,
                HeadroomBytes = Headroom,
                Unaligned = Unaligned,
                TxMetadataBytes = TxMetadata,
            },
            out UmemGeometry? geometry);
        return geometry ?? throw new ArgumentException(string.Join("; ", faults));
    }
}

/// <summary>A port of a lab.</summary>
/// <param name="Umem">Which UMEM its frames are in.</param>
/// <param name="Peer">The port that its frames leave by; -1 for none.</param>
/// <param name="Entries">Slots of each of its rings.</param>
/// <param name="SegmentsMax">Most chunks of a frame.</param>
/// <param name="FrameBytesMax">Largest frame that its device takes.</param>
/// <param name="PoolOf">The port whose fill and completion ring it uses; -1 for its own.</param>
/// <param name="Guest">Forwarded to and from as if it were no socket.</param>
internal sealed record LabPort(
    int Umem, int Peer, uint Entries = 64, uint SegmentsMax = 1, uint FrameBytesMax = 1518, int PoolOf = -1,
    bool Guest = false);

/// <summary>What a lab consists of.</summary>
/// <param name="Name">By which a child process finds it.</param>
/// <param name="Umems">Its packet memories.</param>
/// <param name="Ports">Its ports.</param>
/// <param name="StartIndex">Where the free-running ring indexes begin.</param>
/// <param name="Spreads">What port 0 receives goes through the queue of a cpumap's entry.</param>
internal sealed record LabPlan(
    string Name, LabUmem[] Umems, LabPort[] Ports, uint StartIndex = 0, bool Spreads = false)
{
    private static LabPort Jumbo => new(0, 1, SegmentsMax: 18, FrameBytesMax: 9018);

    /// <summary>The plans that a child process can be told of.</summary>
    internal static LabPlan[] Known { get; } =
    [
        new("same", [new(128)], [new(0, 1), new(0, 0)]),

        // So many chunks that a copy always finds one: fill ring, TX ring, and as many between sent and completed.
        new("copies", [new(256), new(256)], [new(0, 1), new(1, 0)]),
        new("hairpin", [new(128)], [new(0, 0)]),
        new("segments", [new(128)], [Jumbo, Jumbo with { Peer = 0 }]),
        new("merge", [new(128, 2048), new(128, 4096)], [Jumbo, new(1, 0, FrameBytesMax: 4096)]),
        new("wrap", [new(128), new(128)], [new(0, 1), new(1, 0)], uint.MaxValue - 40),
        new("to-guest", [new(256), new(256)], [new(0, 1), new(1, 0, Guest: true)]),
        new("from-guest", [new(256), new(256)], [new(0, 1, Guest: true), new(1, 0)]),
        new(
            "guest-segments", [new(1024)],
            [Jumbo with { Guest = true, Entries = 256 }, Jumbo with { Peer = 0, Entries = 256 }]),
        new("cpumap", [new(128)], [new(0, 1), new(0, 0)], Spreads: true),
        new("cpumap-copies", [new(256), new(256)], [new(0, 1), new(1, 0)], Spreads: true),
        new("shared-pool", [new(128)], [new(0, 1), new(0, 0, PoolOf: 0)]),
    ];

    /// <summary>Frames are walked over: a kill may have those of one burst come twice.</summary>
    internal bool IsWalked => Spreads || Ports.Any(port => port.Guest);

    internal static LabPlan Of(string name) => Known.Single(plan => plan.Name == name);
}
