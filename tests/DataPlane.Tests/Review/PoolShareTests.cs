using Nf.DataPlane.Control;
using Nf.DataPlane.Tests.Xdp;

namespace Nf.DataPlane.Tests.Review;

/// <summary>How the sockets of one UMEM share its chunks.</summary>
[Trait("Tier", "kernel")]
public sealed class PoolShareTests
{
    [Fact]
    public void FillRings_ThreeLargerThanTheUmem_EachHasChunksAndSomeStayForCopies()
    {
        using var lab = VethLab.Create(rxQueues: 3);
        using var store = new MemoryStore();
        using var life = new ReviewLife(store);
        UmemResource umem = life.CreateUmem("u", 2048);
        XskResource[] sockets =
        [
            .. Enumerable.Range(0, 3).Select(queue => life.Bound(lab, $"s{queue}", "u", (uint)queue, ring: 2048)),
        ];

        for (int round = 0; round < 16; round++)
        {
            umem.Worker.RunOnce();
        }

        Assert.All(sockets, socket => Assert.InRange(socket.Port!.Pool.FillHeld, 64u, 1536u));
        Assert.InRange(umem.Memory.Pool.Count, 256u, 512u);
        Assert.Equal("", umem.Audit().Fault);
    }

    [Fact]
    public void FillTarget_MorePoolsThanChunks_IsNeverZero()
    {
        using var lab = VethLab.Create();
        using var store = new MemoryStore();
        using var life = new ReviewLife(store);
        UmemResource umem = life.CreateUmem("u", 2);
        XskResource socket = life.Bound(lab, "s", "u");

        Assert.NotEqual(0u, socket.Port!.Pool.FillTarget);
        Assert.NotEqual(0u, socket.Port.Pool.FillHeld);
        umem.Memory.PoolCount = 64;
        Assert.NotEqual(0u, socket.Port.Pool.FillTarget);
        umem.Memory.PoolCount = 1;
    }

    [Fact]
    public void Sleep_ChunksOutThroughAnotherPool_IsShort()
    {
        using var lab = VethLab.Create(rxQueues: 2);
        using var store = new MemoryStore();
        using var life = new ReviewLife(store);
        UmemResource umem = life.CreateUmem("u", 256);
        XskResource receiver = life.Bound(lab, "rx", "u", 0);
        XskResource sender = life.Bound(lab, "tx", "u", 1);
        Assert.Equal(-1, umem.Worker.SleepMilliseconds());

        // All of the receiver's chunks were received, and are being sent through the other one, whose ring is full.
        int held = (int)receiver.Port!.Pool.FillHeld;
        receiver.Port.Pool.Hold(-held, 0);
        sender.Port!.Pool.Hold(0, held);

        Assert.Equal(1, umem.Worker.SleepMilliseconds());
        receiver.Port.Pool.Hold(held, 0);
        sender.Port.Pool.Hold(0, -held);
    }

    [Fact]
    public void Sleep_FirstPortCanWaitAndSecondCannot_IsShort()
    {
        using var lab = VethLab.Create(rxQueues: 2);
        using var store = new MemoryStore();
        using var life = new ReviewLife(store);
        UmemResource umem = life.CreateUmem("u", 256);
        XskResource first = life.Bound(lab, "a", "u", 0);
        XskResource second = life.Bound(lab, "b", "u", 1);
        first.Port!.Pool.Hold(-1, 1);
        Assert.Equal(100, umem.Worker.SleepMilliseconds());

        second.Port!.NeedsFlush = true;

        Assert.Equal(1, umem.Worker.SleepMilliseconds());
        first.Port.Pool.Hold(1, -1);
    }
}
