using Nf.DataPlane.Memory;
using Nf.Linux;
using Nf.SharedMemory.Rings;
using Nf.SharedMemory.Segments;

namespace Nf.DataPlane.Lab;

/// <summary>
/// Everything of a lab that outlives a life of it: packets, ledgers, rings, counters and worker records, in files that
/// several processes map at once. No socket and no privilege is needed.
/// </summary>
internal sealed unsafe class LabMemory : IDisposable
{
    private const int ReadWrite = 2;
    private const int LineBytes = 64;
    private const int ControlBytes = 4096;
    private const uint EntryBytes = 16;

    private readonly MappedMemory _rings;
    private readonly List<FileDescriptor> _files = [];

    private LabMemory(string folder, LabPlan plan)
    {
        Folder = folder;
        Plan = plan;
        _rings = MappedMemory.Map(
            Open("rings"), 0, RingsBytes(plan), MapAccess.ReadWrite, populate: true);
    }

    /// <summary>Where the files are.</summary>
    internal string Folder { get; }

    internal LabPlan Plan { get; }

    /// <summary>The files that a life writes, in the order in which a trace of it has them.</summary>
    internal static IEnumerable<string> FileNames(LabPlan plan) =>
        ["rings", "state", .. plan.Umems.SelectMany((_, i) => new[] { $"ledger{i}", $"packets{i}" })];

    /// <summary>Words by which a test and a child process talk.</summary>
    internal LabControl* Control => (LabControl*)_rings.Address;

    /// <summary>Makes the files: every ring empty, every chunk free.</summary>
    internal static LabMemory Create(string folder, LabPlan plan)
    {
        Directory.CreateDirectory(folder);
        Make(folder, "rings", RingsBytes(plan));
        using (StateFile state = StateFile.Create())
        {
            long length = state.File.Length;
            Make(folder, "state", length);
            using FileDescriptor file = FileDescriptor.Open(Path.Combine(folder, "state"), ReadWrite);
            using MappedMemory from = MappedMemory.Map(state.File, 0, length, MapAccess.ReadWrite);
            using MappedMemory to = MappedMemory.Map(file, 0, length, MapAccess.ReadWrite);
            from.AsSpan(0, (int)length).CopyTo(to.AsSpan(0, (int)length));
        }

        for (int i = 0; i < plan.Umems.Length; i++)
        {
            LabUmem umem = plan.Umems[i];
            Make(folder, $"ledger{i}", (((long)umem.Chunks * 2) + 4095) & ~4095);
            Make(folder, $"packets{i}", (((long)umem.Chunks * umem.ChunkSize) + 4095) & ~4095);
        }

        var memory = new LabMemory(folder, plan);
        memory.StartRingsAt(plan.StartIndex);
        return memory;
    }

    /// <summary>Maps files that exist.</summary>
    internal static LabMemory Open(string folder, LabPlan plan) => new(folder, plan);

    internal StateFile OpenState() => StateFile.Adopt(Open("state"));

    internal UmemFiles OpenUmem(int umem) =>
        new(Open($"packets{umem}"), Open($"ledger{umem}"), HugePageSize.None, "", null);

    /// <summary>The counters of a port. SAFETY: inside of the mapping, see <see cref="RingsBytes"/>.</summary>
    internal PortSlot* Counters(int port) => (PortSlot*)(PortAt(port) + RingBytes(Plan.Ports[port]) * 4);

    /// <summary>The counters of a UMEM. SAFETY: as above; one line each.</summary>
    internal UmemCounters* UmemCounters(int umem) =>
        (UmemCounters*)(_rings.Address + (ControlBytes / 2) + (umem * LineBytes));

    /// <summary>The counters of the worker. SAFETY: as above.</summary>
    internal WorkerCounters* WorkerCounters => (WorkerCounters*)(_rings.Address + ControlBytes - LineBytes);

    internal ProducerRing<T> Producer<T>(int port, XdpRing ring)
        where T : unmanaged
    {
        byte* at = RingAt(port, ring);

        // SAFETY: three lines for the indexes and flags, then Entries slots of at most 16 bytes.
        return new ProducerRing<T>(
            (uint*)at, (uint*)(at + LineBytes), (uint*)(at + (2 * LineBytes)), (T*)(at + (3 * LineBytes)),
            new RingSize(Plan.Ports[port].Entries));
    }

    internal ConsumerRing<T> Consumer<T>(int port, XdpRing ring)
        where T : unmanaged
    {
        byte* at = RingAt(port, ring);

        // SAFETY: as above.
        return new ConsumerRing<T>(
            (uint*)at, (uint*)(at + LineBytes), (uint*)(at + (2 * LineBytes)), (T*)(at + (3 * LineBytes)),
            new RingSize(Plan.Ports[port].Entries));
    }

    /// <summary>The raw producer index of a ring, for whoever lies about it.</summary>
    internal ref uint ProducerIndex(int port, XdpRing ring) => ref *(uint*)RingAt(port, ring);

    /// <summary>The raw consumer index of a ring.</summary>
    internal ref uint ConsumerIndex(int port, XdpRing ring) => ref *(uint*)(RingAt(port, ring) + LineBytes);

    public void Dispose()
    {
        _rings.Dispose();
        _files.ForEach(file => file.Dispose());
    }

    private static void Make(string folder, string name, long length)
    {
        using FileStream file = File.Create(Path.Combine(folder, name));
        file.SetLength(length);
    }

    private static long RingsBytes(LabPlan plan) =>
        ControlBytes + plan.Ports.Sum(port => (RingBytes(port) * 4L) + sizeof(PortSlot));

    private static uint RingBytes(LabPort port) => (3 * LineBytes) + (port.Entries * EntryBytes);

    private void StartRingsAt(uint index)
    {
        for (int port = 0; port < Plan.Ports.Length; port++)
        {
            foreach (XdpRing ring in Enum.GetValues<XdpRing>())
            {
                ProducerIndex(port, ring) = index;
                ConsumerIndex(port, ring) = index;
            }
        }
    }

    private FileDescriptor Open(string name)
    {
        FileDescriptor file = FileDescriptor.Open(Path.Combine(Folder, name), ReadWrite);
        _files.Add(file);
        return file;
    }

    private byte* PortAt(int port)
    {
        long offset = ControlBytes;
        for (int i = 0; i < port; i++)
        {
            offset += (RingBytes(Plan.Ports[i]) * 4) + sizeof(PortSlot);
        }

        return _rings.Address + offset;
    }

    private byte* RingAt(int port, XdpRing ring) => PortAt(port) + (RingBytes(Plan.Ports[port]) * (uint)ring);
}
