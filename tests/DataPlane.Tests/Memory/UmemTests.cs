using Nf.DataPlane.Lab;
using Nf.DataPlane.Memory;
using Nf.DataPlane.Tests.Ports;

namespace Nf.DataPlane.Tests.Memory;

// Addresses come out of rings that the kernel writes: whatever number is there, it is a chunk or it is refused.
public unsafe class UmemTests
{
    private const ulong Mask48 = (1UL << 48) - 1;

    public static TheoryData<ulong, bool, uint> AlignedAddresses => new()
    {
        { 0, true, 0 },
        { 2047, true, 0 },
        { 2048, true, 1 },
        { (16 * 2048) - 1, true, 15 },
        { 16 * 2048, false, 0 },
        { 1UL << 43, false, 0 }, // the chunk number needs more than 32 bits: its lower 32 are zero
        { (1UL << 43) + 256, false, 0 },
        { 1UL << 48, false, 0 },
        { ulong.MaxValue, false, 0 },
        { ulong.MaxValue - 2048, false, 0 },
    };

    public static TheoryData<ulong, bool, uint> UnalignedAddresses => new()
    {
        { 0, true, 0 },
        { 2999, true, 0 },
        { 3000, true, 1 },
        { 3000 | (256UL << 48), true, 1 },
        { 3000 | (0xFFFFUL << 48), true, 1 },
        { (16 * 3000) - 1, true, 15 },
        { 16 * 3000, false, 0 },
        { Mask48, false, 0 },
        { Mask48 - 256, false, 0 },
        { ulong.MaxValue, false, 0 },
        { 1UL << 48, true, 0 },
        { (1UL << 47) + 3000, false, 0 },
    };

    [Theory]
    [MemberData(nameof(AlignedAddresses))]
    public void TryChunkOf_Aligned_IsTheChunkOrRefused(ulong address, bool valid, uint chunk)
    {
        using var rig = new Rig(new LabUmem(16));
        Assert.Equal(valid, rig.Life.Umems[0].TryChunkOf(address, out uint found));
        Assert.Equal(chunk, valid ? found : 0);
    }

    [Theory]
    [MemberData(nameof(UnalignedAddresses))]
    public void TryChunkOf_Unaligned_IsTheChunkOrRefused(ulong address, bool valid, uint chunk)
    {
        using var rig = new Rig(new LabUmem(16, 3000, Unaligned: true));
        Assert.Equal(valid, rig.Life.Umems[0].TryChunkOf(address, out uint found));
        Assert.Equal(chunk, valid ? found : 0);
    }

    public static TheoryData<bool, ulong, uint, long> Data => new()
    {
        { false, 0, 32768, 0 },
        { false, 0, 32769, -1 },
        { false, 32768, 0, 32768 },
        { false, 32768, 1, -1 },
        { false, 32769, 0, -1 },
        { false, 256, 100, 256 },
        { false, ulong.MaxValue, 1, -1 },
        { false, ulong.MaxValue - 10, uint.MaxValue, -1 },
        { false, 100, uint.MaxValue, -1 },
        { false, 1UL << 48, 1, -1 },
        { true, 3000 | (256UL << 48), 100, 3256 },
        { true, 47900 | (100UL << 48), 0, 48000 },
        { true, 47900 | (100UL << 48), 1, -1 },
        { true, 0 | (0xFFFFUL << 48), 1, -1 },
        { true, ulong.MaxValue, 1, -1 },
        { true, Mask48 | (1UL << 48), 1, -1 },
    };

    [Theory]
    [MemberData(nameof(Data))]
    public void DataOf_AnyAddress_IsInsideOrNull(bool unaligned, ulong address, uint length, long offset)
    {
        using var rig = new Rig(unaligned ? new LabUmem(16, 3000, Unaligned: true) : new LabUmem(16));
        Umem umem = rig.Life.Umems[0];
        byte* data = umem.DataOf(address, length);
        Assert.Equal(offset, data == null ? -1 : data - umem.Base);
    }

    [Fact]
    public void Reclaim_OnePool_LeavesTheOthers()
    {
        using var rig = new Rig([new LabUmem(64)], new LabPort(0, -1), new LabPort(0, -1));
        rig.Round();
        Umem umem = rig.Life.Umems[0];
        uint second = rig.Life.Ports[1].Pool.FillHeld;
        Assert.Equal(24u, umem.Reclaim(0));
        Assert.Equal(64 - second, umem.Pool.Count);
        Assert.Equal(0u, umem.Reclaim(0));
    }

    [Fact]
    public void RebuildPool_AnyLedger_HasEveryFreeChunkOnce()
    {
        using var rig = new Rig([new LabUmem(64)], new LabPort(0, -1));
        Umem umem = rig.Life.Umems[0];
        umem.SetOwner(5, ChunkOwner.Worker);
        umem.SetOwner(6, (ushort)(ChunkOwner.Tx | 3));
        umem.RebuildPool();
        var free = new HashSet<uint>();
        while (umem.Pool.TryPop(out uint chunk))
        {
            Assert.True(free.Add(chunk));
        }

        Assert.Equal(62, free.Count);
        Assert.DoesNotContain(5u, free);
        Assert.DoesNotContain(6u, free);
    }
}
