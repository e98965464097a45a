using Nf.DataPlane.Lab;
using Nf.DataPlane.Memory;
using Nf.DataPlane.Ports;
using Nf.Linux;

namespace Nf.DataPlane.Tests.Ports;

// An audit that never finds anything is worth nothing: each kind of damage is planted once.
public unsafe class LedgerAuditTests
{
    private static readonly Dictionary<string, (Action<Rig> Damage, string Found)> Damages = new()
    {
        ["a chunk freed twice"] = (
            rig =>
            {
                rig.Life.Umems[0].Pool.TryPop(out uint top);
                rig.Life.Umems[0].Pool.Push(rig.Life.Umems[0].Pool.At(0));
                Assert.NotEqual(top, rig.Life.Umems[0].Pool.At(0));
            },
            "somewhere else too"),
        ["a chunk lost from the pool"] = (rig => rig.Life.Umems[0].Pool.TryPop(out _), "free in the ledger"),
        ["a free chunk called the kernel's"] = (
            rig => rig.Life.Umems[0].SetOwner(rig.Life.Umems[0].Pool.At(0), ChunkOwner.Fill), "not 0x0000"),
        ["a posted chunk called free"] = (
            rig =>
            {
                ref var fill = ref rig.Life.Ports[0].Pool.Fill;
                rig.Life.Umems[0].SetOwner(ChunkIn(rig, fill[fill.Consumed]), ChunkOwner.Free);
            },
            "fill ring of pool 0"),
        ["a received chunk called free"] = (
            rig =>
            {
                ref var rx = ref rig.Life.Ports[0].Rx;
                rig.Life.Umems[0].SetOwner(ChunkIn(rig, rx[rx.Released].addr), ChunkOwner.Free);
            },
            "RX ring of port 0"),
        ["a chunk to send called posted"] = (
            rig =>
            {
                ref var tx = ref rig.Life.Ports[0].Tx;
                rig.Life.Umems[0].SetOwner(ChunkIn(rig, tx[tx.Consumed].addr), ChunkOwner.Fill);
            },
            "TX ring of port 0"),
        ["a chunk posted twice"] = (
            rig =>
            {
                ref var fill = ref rig.Life.Ports[0].Pool.Fill;
                ulong first = fill[fill.Consumed];
                fill[fill.Submitted - 1] = first;
            },
            "somewhere else too"),
        ["an address outside"] = (
            rig => rig.Life.Ports[0].Pool.Fill[rig.Life.Ports[0].Pool.Fill.Consumed] = 1UL << 50, "outside the UMEM"),
        ["an entry that means nothing"] = (
            rig => rig.Life.Umems[0].SetOwner(rig.Life.Umems[0].Pool.At(0), 0x8000), "ledger entry 0x8000"),
        ["a ring that cannot be true"] = (
            rig => rig.Memory.ConsumerIndex(0, XdpRing.Fill) += 5000, "cannot be true"),
        ["an RX ring that cannot be true"] = (
            rig => rig.Memory.ProducerIndex(0, XdpRing.Rx) += 5000, "cannot be true"),
    };

    public static TheoryData<string> DamageNames => [.. Damages.Keys];

    [Theory]
    [MemberData(nameof(DamageNames))]
    public void Run_DamagedLedger_SaysWhat(string name)
    {
        using Rig rig = Busy();
        Assert.Equal("", rig.Life.Audit());
        (Action<Rig> damage, string found) = Damages[name];
        damage(rig);
        LedgerAudit.Result result = LedgerAudit.Run(rig.Life.Umems[0], rig.Life.Ports);
        Assert.Contains(found, result.Fault, StringComparison.Ordinal);
    }

    [Fact]
    public void Run_Healthy_CountsEveryPlace()
    {
        using Rig rig = Busy();
        LedgerAudit.Result result = LedgerAudit.Run(rig.Life.Umems[0], rig.Life.Ports);
        Assert.Equal("", result.Fault);
        Assert.Equal((2ul, 3ul, 1ul), (result.Rx, result.Tx, result.Completion));
        Assert.Equal(128ul, result.Free + result.Fill + result.Rx + result.Tx + result.Completion);
        Assert.Equal((0ul, 0ul), (result.Worker, result.Releasing));
    }

    [Fact]
    public void Run_PoolWithoutPort_IsReleasing()
    {
        using Rig rig = Busy();
        LedgerAudit.Result result = LedgerAudit.Run(rig.Life.Umems[0], []);
        Assert.Equal("", result.Fault);
        Assert.Equal(128ul, result.Free + result.Releasing);
        Assert.NotEqual(0ul, result.Releasing);
    }

    [Fact]
    public void Run_Any_ChangesNothing()
    {
        using Rig rig = Busy();
        LedgerAudit.Result before = LedgerAudit.Run(rig.Life.Umems[0], rig.Life.Ports);
        Assert.Equal(before, LedgerAudit.Run(rig.Life.Umems[0], rig.Life.Ports));
        rig.Settle();
        Assert.Equal(6, rig.Sent[0].Count);
    }

    // Two frames in RX, three in TX, one in the completion ring.
    private static Rig Busy()
    {
        var rig = new Rig([new LabUmem(128)], new LabPort(0, 0));
        rig.Round();
        rig.Receive(0, [.. Enumerable.Range(0, 4).Select(i => LabFrame.Make((ulong)i, 60))]);
        rig.Round();
        rig.Kernel.Send(0, rig.Sent[0], 1);
        rig.Kernel.Complete(0);
        rig.Receive(0, LabFrame.Make(4, 60), LabFrame.Make(5, 60));
        return rig;
    }

    private static uint ChunkIn(Rig rig, ulong address)
    {
        Assert.True(rig.Life.Umems[0].TryChunkOf(address, out uint chunk));
        return chunk;
    }
}
