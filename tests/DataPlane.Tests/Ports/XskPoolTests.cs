using Nf.DataPlane.Lab;
using Nf.DataPlane.Ports;

namespace Nf.DataPlane.Tests.Ports;

public unsafe class XskPoolTests
{
    public static TheoryData<uint, uint, int, uint> Targets => new()
    {
        // chunks, entries, pools, target of each
        { 128, 64, 1, 64 },
        { 128, 256, 1, 96 },
        { 128, 256, 2, 48 },
        { 128, 256, 3, 32 },
        { 2, 64, 1, 1 },
        { 1, 64, 1, 1 },
        { 4, 64, 3, 1 },
        { 2, 64, 3, 1 },
    };

    [Theory]
    [MemberData(nameof(Targets))]
    public void FillTarget_SharesTheUmem_ButNeverComesToNothing(uint chunks, uint entries, int pools, uint target)
    {
        LabPort[] ports = [.. Enumerable.Range(0, pools).Select(_ => new LabPort(0, -1, entries))];
        using var rig = new Rig([new LabUmem(chunks)], ports);
        Assert.All(rig.Life.Ports, port => Assert.Equal(target, port.Pool.FillTarget));
        rig.Round();
        uint posted = (uint)rig.Life.Ports.Sum(port => port.Pool.FillHeld);
        Assert.Equal(Math.Min(chunks, target * (uint)pools), posted);
        Assert.Equal("", rig.Life.Audit());
    }

    [Theory]
    [InlineData(63, false)]
    [InlineData(64, true)]
    public void Refill_BusyPort_WaitsUntilItIsWorthIt(int missing, bool refills)
    {
        using var rig = new Rig([new LabUmem(400)], new LabPort(0, -1, 256));
        rig.Round();
        XskPool pool = rig.Life.Ports[0].Pool;
        Assert.Equal(256u, pool.FillHeld);
        for (int i = 0; i < missing; i++)
        {
            rig.Life.Umems[0].TryChunkOf(rig.Kernel.TakeFill(0), out uint chunk);
            rig.Life.Umems[0].Free(chunk);
        }

        pool.Hold(-missing, 0);
        pool.Refill(rig.Life.Worker.Record, 0, null!, always: false);
        Assert.Equal(refills ? 256u : 256u - (uint)missing, pool.FillHeld);
        pool.Refill(rig.Life.Worker.Record, 0, null!, always: true);
        Assert.Equal(256u, pool.FillHeld);
        Assert.Equal("", rig.Life.Audit());
    }

    [Fact]
    public void Refill_HalfEmptyPort_DoesNotWait()
    {
        using var rig = new Rig([new LabUmem(64)], new LabPort(0, -1));
        rig.Round();
        XskPool pool = rig.Life.Ports[0].Pool;
        Assert.Equal(48u, pool.FillHeld);
        for (int i = 0; i < 24; i++)
        {
            rig.Life.Umems[0].TryChunkOf(rig.Kernel.TakeFill(0), out uint chunk);
            rig.Life.Umems[0].Free(chunk);
        }

        pool.Hold(-24, 0);
        pool.Refill(rig.Life.Worker.Record, 0, null!, always: false);
        Assert.Equal(48u, pool.FillHeld);
    }

    public static TheoryData<string, ulong> WildCompletions => new()
    {
        { "outside of the UMEM", 128 * 2048 },
        { "far outside", ulong.MaxValue },
        { "a chunk number that is right modulo 2^32", (1UL << 43) + (127 * 2048) },
        { "a free chunk", 127 * 2048 },
        { "a chunk that is in the fill ring", 0 },
    };

    [Theory]
    [MemberData(nameof(WildCompletions))]
    public void ReapCompletions_WildEntry_IsCountedAndSurvived(string what, ulong address)
    {
        using var rig = new Rig(new LabUmem(128));
        rig.Round();
        rig.Kernel.LieComplete(1, address);
        rig.Receive(0, LabFrame.Make(1, 60));
        rig.Round();
        rig.Settle();
        Assert.True(rig.Life.Umems[0].WildCompletions == 1, what);
        Assert.Single(rig.Sent[1]);
        rig.CheckSums();
    }

    [Fact]
    public void ReapCompletions_SameChunkTwice_ComesBackOnce()
    {
        using var rig = new Rig(new LabUmem(128));
        rig.Round();
        rig.Receive(0, LabFrame.Make(1, 60));
        rig.Round();
        ulong sent = rig.Life.Ports[1].Tx[rig.Life.Ports[1].Tx.Submitted - 1].addr;
        rig.Send();
        rig.Kernel.LieComplete(1, sent);
        rig.Settle();
        Assert.Equal(1u, rig.Life.Umems[0].WildCompletions);
        Assert.Equal(1ul, rig.Life.Ports[1].Pool.Completions);
        rig.CheckSums();
    }

    [Fact]
    public void ReapCompletions_ChunkOfAnotherPool_IsNotItsToGiveBack()
    {
        using var rig = new Rig(new LabUmem(128));
        rig.Round();
        rig.Receive(0, LabFrame.Make(1, 60));
        rig.Round();
        ulong sent = rig.Life.Ports[1].Tx[rig.Life.Ports[1].Tx.Submitted - 1].addr;
        rig.Kernel.LieComplete(0, sent);
        rig.Round();
        Assert.Equal(1u, rig.Life.Umems[0].WildCompletions);
        Assert.Equal(1u, rig.Life.Ports[1].Pool.TxHeld);
        rig.Settle();
        rig.CheckSums();
    }

    [Fact]
    public void Rounds_IndexesWrapAt32Bits_NothingIsLost()
    {
        using var rig = new Rig(new LabPlan(
            "wraps", [new(64), new(64)], [new(0, 1), new(1, 0)], uint.MaxValue - 100));
        rig.Round();
        for (ulong i = 0; i < 300; i++)
        {
            rig.Receive(0, LabFrame.Make(i, 60));
            rig.Receive(1, LabFrame.Make(i, 61));
            rig.Round();
            rig.Send();
        }

        rig.Settle();
        Assert.True(rig.Life.Ports[0].Rx.Released < 300 && rig.Life.Ports[0].Tx.Submitted < 300);
        Assert.Equal(Enumerable.Range(0, 300).Select(i => (ulong)i), rig.Sent[0].Select(LabFrame.NumberOf));
        Assert.Equal(Enumerable.Range(0, 300).Select(i => (ulong)i), rig.Sent[1].Select(LabFrame.NumberOf));
        rig.CheckSums();
    }
}
