using Nf.DataPlane.Lab;
using Nf.DataPlane.Tests.Ports;
using Nf.SharedMemory.Segments;
using Xunit.Abstractions;

namespace Nf.DataPlane.Tests.Crash;

/// <summary>
/// A life is stopped after every single store of a round that reaps completions, forwards and drops a burst, and posts
/// to a fill ring; its successor takes over from each. No packet may be lost, doubled or reordered; those of a burst
/// that was walked over may come twice, and are counted twice where they left.
/// </summary>
public sealed class EveryStoreTests(ITestOutputHelper output)
{
    // What the traced round finds in the RX ring of port 0: lengths that are forwarded or dropped, and so many that the
    // round posts to the fill ring too.
    private static readonly int[] Lengths =
    [
        60, 10, 1400, 9400, 61, 12, 4000, 62, .. Enumerable.Repeat(60, 28),
    ];

    public static TheoryData<string> Plans => [.. LabPlan.Known.Select(plan => plan.Name)];

    [Theory]
    [MemberData(nameof(Plans))]
    public void Kill_AfterAnyStoreOfARound_LosesNothing(string plan)
    {
        using Rig rig = Prepared(plan, out ulong accepted);
        StoreTrace trace = StoreTrace.Record(rig.Memory, "round", () => rig.Kernel.Complete(Peer(rig)));
        output.WriteLine($"{trace.Count} states");
        Assert.True(trace.Count > 150, $"{trace.Count} states only: that was no round");
        string[] faults = Faults(trace, rig.Memory.Plan, accepted, (ulong)rig.Sent.Sum(sent => sent.Count), _ => { });
        Assert.Empty(faults);
    }

    // The twins that must be caught: a successor which disbelieves the record, and ledgers that were never written.
    [Theory]
    [InlineData("same")]
    [InlineData("copies")]
    [InlineData("to-guest")]
    [InlineData("from-guest")]
    public void Kill_RecordIgnored_IsCaught(string plan)
    {
        using Rig rig = Prepared(plan, out ulong accepted);
        StoreTrace trace = StoreTrace.Record(rig.Memory, "round", () => rig.Kernel.Complete(Peer(rig)));
        ulong sent = (ulong)rig.Sent.Sum(frames => frames.Count);
        Assert.NotEmpty(Faults(trace, rig.Memory.Plan, accepted, sent, CloseBurst));
        Assert.NotEmpty(Faults(trace, rig.Memory.Plan, accepted, sent, CloseFill));
    }

    private static int Peer(Rig rig) => rig.Memory.Plan.Ports[0].Peer;

    // Port 0 has a burst to forward, its peer has sent frames whose completions wait, and chunks are missing from fill.
    private static Rig Prepared(string plan, out ulong accepted)
    {
        var rig = new Rig(LabPlan.Of(plan));
        rig.Round();
        accepted = 0;
        for (int i = 0; i < 3; i++)
        {
            rig.Receive(0, LabFrame.Make(++accepted, 60));
        }

        rig.Round();
        rig.Kernel.Send(Peer(rig), rig.Sent[Peer(rig)]);
        foreach (int length in Lengths)
        {
            accepted += rig.Kernel.Receive(0, LabFrame.Make(accepted + 1, Math.Max(length, 10))) ? 1u : 0;
        }

        rig.Life.Dispose();
        return rig;
    }

    private static unsafe string[] Faults(
        StoreTrace trace, LabPlan plan, ulong accepted, ulong sentBefore, Action<LabMemory> damage)
    {
        var faults = new List<string>();
        string folder = Rig.NewFolder();
        try
        {
            LabMemory.Create(folder, plan).Dispose();
            trace.Replay(folder, plan, state =>
            {
                using LabMemory memory = LabMemory.Open(folder, plan);
                damage(memory);
                string fault = FaultOf(memory, accepted, sentBefore);
                if (fault.Length != 0)
                {
                    faults.Add($"state {state} of {trace.Count}: {fault}");
                }
            });
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }

        return [.. faults];
    }

    private static unsafe string FaultOf(LabMemory memory, ulong accepted, ulong sentBefore)
    {
        using var life = new LabLife(memory, fresh: false);
        using var kernel = new LabKernel(memory);
        string fault = life.Audit();
        if (fault.Length != 0)
        {
            return fault;
        }

        var sent = new List<byte[]>();
        int peer = memory.Plan.Ports[0].Peer;
        for (int i = 0; i < 6; i++)
        {
            life.Worker.RunOnce();
            kernel.Send(peer, sent);
            kernel.Complete(peer);
        }

        return life.Audit() is { Length: > 0 } late ? late
            : !sent.TrueForAll(LabFrame.IsIntact) ? "a frame is damaged"
            : life.Ports.Any(port => kernel.Posted(port.Slot) + port.Rx.Level != port.Pool.FillHeld)
                ? "chunks that the kernel is said to have are in no ring"
            : life.Ports[peer].Pool.TxHeld != 0 ? "chunks are still out for sending"
            : CountsFault(memory, life, accepted, sentBefore, [.. sent.Select(LabFrame.NumberOf)]);
    }

    private static unsafe string CountsFault(
        LabMemory memory, LabLife life, ulong accepted, ulong sentBefore, ulong[] numbers)
    {
        PortTraffic rx = memory.Counters(0)->Traffic;
        ulong drops = life.Ports[0].DropsTotal();
        ulong left = memory.Counters(memory.Plan.Ports[0].Peer)->Traffic.TxPackets;
        ulong[] once = [.. numbers.Distinct()];
        ulong twice = (ulong)(numbers.Length - once.Length);
        ulong forwarded = sentBefore + (ulong)once.Length;

        // A guest's ring does not tell whether a burst was counted: it is counted whole, or not at all.
        if (memory.Plan.Spreads)
        {
            return SpreadFault(life, rx, accepted, forwarded)
                ?? (!once.SequenceEqual(once.Order()) ? $"order: {string.Join(",", numbers)}" : "");
        }

        bool isUncounted = memory.Plan.Ports[0].Guest && rx.RxPackets < accepted;
        return !once.SequenceEqual(once.Order()) ? $"order: {string.Join(",", numbers)}"
            : twice != 0 && !memory.Plan.IsWalked ? $"twice: {string.Join(",", numbers)}"
            : rx.RxPackets != rx.LinkPackets + drops ? $"{rx.RxPackets} received, {rx.LinkPackets} + {drops} were"
            : rx.RxPackets != accepted && !isUncounted ? $"{rx.RxPackets} received, {accepted} were"
            : rx.LinkPackets != forwarded && !isUncounted ? $"{forwarded} left, {rx.LinkPackets} counted"
            : left != forwarded + twice ? $"{forwarded} + {twice} left, {left} counted"
            : "";
    }

    // Frames in a queue are lost with the life, and counted. One whose fate was being counted may be counted twice, or
    // not at all; one that had left and was not home yet is called lost.
    private static string? SpreadFault(LabLife life, PortTraffic rx, ulong accepted, ulong forwarded)
    {
        ulong drops = life.Ports[0].DropsTotal();
        ulong lost = life.Ports[0].Drops[(int)DropReason.CpumapLost];
        long unclear = (long)rx.RxPackets - (long)(rx.LinkPackets + drops);
        return unclear is < -1 or > 1 ? $"{rx.RxPackets} received, {rx.LinkPackets} + {drops} were"
            : rx.RxPackets != accepted ? $"{rx.RxPackets} received, {accepted} were"
            : forwarded + 1 < rx.LinkPackets || forwarded > rx.LinkPackets + lost + 1
                ? $"{forwarded} left, {rx.LinkPackets} counted, {lost} lost"
            : null;
    }

    private static unsafe void CloseBurst(LabMemory memory)
    {
        using var state = memory.OpenState();
        state.Record(0)->BurstOpen = 0;
    }

    private static unsafe void CloseFill(LabMemory memory)
    {
        using var state = memory.OpenState();
        state.Record(0)->FillOpen = 0;
    }
}
