using Nf.DataPlane.Frames;
using Nf.DataPlane.Vhost;
using Nf.SharedMemory.Segments;

namespace Nf.DataPlane.Tests.Vhost.Rings;

// I06, I07: what a guest leaves undone is taken over only if it may and the frame is long enough.
public unsafe class OffloadTests
{
    private const ulong Csum = VirtioFeatures.Checksum;
    private const ulong Tso = Csum | VirtioFeatures.HostTso4 | VirtioFeatures.HostTso6 | VirtioFeatures.HostEcn;

    // Features, flags, type, segment bytes, start, offset, whether it is taken.
    public static TheoryData<ulong, byte, byte, ushort, ushort, ushort, bool> Headers => new()
    {
        { 0, 0, 0, 0, 0, 0, true },
        { 0, 2, 0, 0, 0, 0, true },
        { Csum, 1, 0, 0, 34, 16, true },
        { Csum, 3, 0, 99, 34, 16, true },
        { Csum, 1, 0, 0, 14, 0, true },
        { Csum, 1, 0, 0, 82, 16, true },
        { Csum, 1, 0, 0, 83, 16, false },
        { Csum, 1, 0, 0, 13, 16, false },
        { Csum, 1, 0, 0, 0xFFFF, 0xFFFF, false },
        { Csum, 1, 0, 0, 0xFFFF, 0, false },
        { Csum, 1, 0, 0, 34, 0xFFFF, false },
        { 0, 1, 0, 0, 34, 16, false },
        { Tso, 1, 1, 1448, 34, 16, true },
        { Tso, 1, 4, 1428, 54, 16, true },
        { Tso, 1, 0x81, 1448, 34, 16, true },
        { Csum, 1, 1, 1448, 34, 16, false },
        { Csum | VirtioFeatures.HostTso4, 1, 4, 1448, 34, 16, false },
        { Csum | VirtioFeatures.HostTso6, 1, 1, 1448, 34, 16, false },
        { Csum | VirtioFeatures.HostTso4, 1, 0x81, 1448, 34, 16, false },
        { Tso, 1, 1, 0, 34, 16, false },
        { Tso, 0, 1, 1448, 34, 16, false },
        { Tso, 1, 3, 1448, 34, 6, false },
        { Tso, 1, 5, 1448, 34, 6, false },
        { Tso, 1, 0x80, 1448, 34, 16, false },
        { Tso, 1, 0x21, 1448, 34, 16, false },
        { ulong.MaxValue & ~VirtioFeatures.RingPacked, 1, 0x7F, 1448, 34, 16, false },
    };

    [Theory]
    [MemberData(nameof(Headers))]
    public void Dequeue_Header_IsTakenOverOrTheFrameIsDropped(
        ulong features, byte flags, byte type, ushort segment, ushort start, ushort offset, bool isTaken)
    {
        foreach (ulong kind in (ulong[])[RingLab.Split, RingLab.Packed])
        {
            // One descriptor, and a header spread over three: both ways lead to the same judgement.
            foreach (uint[] cut in (uint[][])[[112], [3, 5, 104]])
            {
                using var lab = new RingLab(kind | (features & ~VirtioFeatures.RingPacked));
                byte[] all =
                [
                    flags, type, 66, 0, (byte)segment, (byte)(segment >> 8), (byte)start, (byte)(start >> 8),
                    (byte)offset, (byte)(offset >> 8), 0xFF, 0xFF, .. RingLab.Frame(1, 100),
                ];
                ulong at = lab.Ram.Take(112);
                lab.Ram.Write(at, all);
                lab.Driver.Offer([.. cut.Select((n, i) => new Piece(at + (uint)cut[..i].Sum(c => c), n))]);
                lab.Dequeue();
                Assert.Equal(isTaken ? 1u : 0, lab.Batch.Count);
                Assert.Equal(isTaken ? 0u : 1, lab.Drops(DropReason.BadOffload));
                lab.Ring.Complete();
                Assert.Equal(0u, Assert.Single(lab.Driver.TakeAll()).Length);
                if (isTaken)
                {
                    AssertOffload(lab.Batch.Frames[0].Offload, (flags & 1) != 0, type, segment, start, offset);
                }
            }
        }
    }

    private static void AssertOffload(
        FrameOffload offload, bool needsChecksum, byte type, ushort segment, ushort start, ushort offset)
    {
        Assert.Equal(!needsChecksum, offload.IsFinished);
        if (needsChecksum)
        {
            Assert.Equal((start, offset, type), (offload.ChecksumStart, offload.ChecksumOffset, offload.SegmentType));
            Assert.Equal(type == 0 ? 0 : segment, offload.SegmentBytes);
            Assert.Equal(66, offload.HeaderBytesHint);
        }
    }
}
