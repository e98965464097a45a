using Nf.DataPlane.Vhost.Memory;
using Nf.Linux;

namespace Nf.DataPlane.Lab;

/// <summary>
/// A ring and the inflight part beside it, in files, and a fixed piece of work on both: buffers are taken, finished out
/// of order, given back in batches, and taken again. A tracer kills it between any two stores.
/// </summary>
internal sealed unsafe class InflightLab : IDisposable
{
    internal const uint Size = 8;
    private const int ReadWrite = 2;
    private const int RingsBytes = 4096;
    private const int RingAt = 64;
    private const ushort Used = 0x8080;

    private readonly FileDescriptor _file;
    private readonly MappedMemory _rings;
    private readonly InflightRegion _region;

    private InflightLab(string folder, bool packed)
    {
        using FileDescriptor rings = FileDescriptor.Open(Path.Combine(folder, "rings"), ReadWrite);
        _rings = MappedMemory.Map(rings, 0, RingsBytes, MapAccess.ReadWrite, populate: true);
        _file = FileDescriptor.Open(Path.Combine(folder, "inflight"), ReadWrite);
        _region = InflightRegion.Map(_file, Bytes(packed), 0, 1, Size, packed);
    }

    /// <summary>The files, as a tracer wants them.</summary>
    internal static string[] FileNames => ["rings", "inflight"];

    /// <summary>Words by which a test and a child process talk.</summary>
    internal LabControl* Control => (LabControl*)_rings.Address;

    /// <summary>The used index of the split ring.</summary>
    internal ref ushort UsedIndex => ref *(ushort*)(_rings.Address + RingAt);

    /// <summary>The packed ring.</summary>
    internal byte* Ring => _rings.Address + RingAt;

    internal SplitInflightQueue Split => (SplitInflightQueue)_region.Queue(0)!;

    internal PackedInflightQueue Packed => (PackedInflightQueue)_region.Queue(0)!;

    /// <summary>Makes the files: nothing was done yet, and every descriptor of a packed ring is available.</summary>
    internal static InflightLab Create(string folder, bool packed)
    {
        Directory.CreateDirectory(folder);
        File.WriteAllBytes(Path.Combine(folder, "rings"), new byte[RingsBytes]);
        File.WriteAllBytes(Path.Combine(folder, "inflight"), new byte[Bytes(packed)]);
        InflightLab lab = Open(folder, packed);
        for (int i = 0; packed && i < Size; i++)
        {
            lab.Flags(i) = 0x80;
        }

        return lab;
    }

    /// <summary>Maps files that exist.</summary>
    internal static InflightLab Open(string folder, bool packed) => new(folder, packed);

    /// <summary>The flags of a descriptor of the packed ring.</summary>
    internal ref ushort Flags(int position) => ref *(ushort*)(Ring + (position * 16) + 14);

    /// <summary>The work on a split ring. Heads are taken in the order 5 2 7 0 1 2 and given back in the order
    /// 2 5, 7, 0 1 2.</summary>
    internal void WorkSplit()
    {
        SplitInflightQueue queue = Split;
        queue.Recover(UsedIndex, Size);
        queue.Fetch(5);
        queue.Fetch(2);
        queue.Fetch(7);
        queue.Fetch(0);
        GiveBack(queue, 2, 5);
        queue.Fetch(1);
        queue.Fetch(2);
        GiveBack(queue, 7);
        GiveBack(queue, 0, 1, 2);
    }

    /// <summary>The work on a packed ring: buffers 0 to 4, of 1 3 2 2 2 descriptors. Given back: 1 and 0, then 2, then
    /// 3 and 4, which goes around the end of the ring.</summary>
    internal void WorkPacked()
    {
        PackedInflightQueue queue = Packed;
        queue.Recover(Ring, Size, 0, true);
        ushort buffer0 = queue.Fetch(Chain(0, 1));
        ushort buffer1 = queue.Fetch(Chain(1, 3));
        ushort buffer2 = queue.Fetch(Chain(2, 2));
        queue.Finish(buffer1);
        queue.Finish(buffer0);
        Volatile.Write(ref Flags(3), Used);
        Volatile.Write(ref Flags(0), Used);
        queue.Commit();
        ushort buffer3 = queue.Fetch(Chain(3, 2));
        queue.Finish(buffer2);
        Volatile.Write(ref Flags(4), Used);
        queue.Commit();
        Volatile.Write(ref Flags(1), 0x8000);
        Volatile.Write(ref Flags(0), 0x8000);
        ushort buffer4 = queue.Fetch(Chain(4, 2));
        queue.Finish(buffer3);
        queue.Finish(buffer4);
        Volatile.Write(ref Flags(0), 0);
        Volatile.Write(ref Flags(6), Used);
        queue.Commit();
    }

    public void Dispose()
    {
        _region.Dispose();
        _rings.Dispose();
        _file.Dispose();
    }

    /// <summary>The descriptors of a buffer; addresses tell which and how many.</summary>
    internal static InflightDescriptor[] Chain(int buffer, int count) =>
    [
        .. Enumerable.Range(0, count).Select(i => new InflightDescriptor { Address = ((ulong)buffer << 8) + (ulong)i }),
    ];

    private static ulong Bytes(bool packed) => InflightLayout.QueueBytes(Size, packed);

    private void GiveBack(SplitInflightQueue queue, params ReadOnlySpan<ushort> heads)
    {
        foreach (ushort head in heads)
        {
            queue.Finish(head);
        }

        ushort index = (ushort)(UsedIndex + heads.Length);
        Volatile.Write(ref UsedIndex, index);
        queue.Commit(index);
    }
}
