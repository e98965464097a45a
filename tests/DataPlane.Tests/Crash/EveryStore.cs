using Nf.DataPlane.Lab;
using Nf.DataPlane.Tests.Ports;
using Nf.SharedMemory.Segments;

namespace Nf.DataPlane.Tests.Crash;

/// <summary>A round of a worker, the stores it makes, and what is wrong with a successor that takes over after
/// each.</summary>
internal static class EveryStore
{
    // What the traced round finds in the RX ring of port 0: lengths that are forwarded or dropped, and so many that the
    // round posts to the fill ring too.
    private static readonly int[] Lengths =
    [
        60, 10, 1400, 9400, 61, 12, 4000, 62, .. Enumerable.Repeat(60, 28),
    ];

    /// <summary>The stores of a round.</summary>
    internal static StoreTrace Record(Rig rig) =>
        StoreTrace.Record(rig.Memory, "round", () => rig.Kernel.Complete(Peer(rig)));

    private static int Peer(Rig rig) => rig.Memory.Plan.Ports[0].Peer;

    /// <summary>Port 0 has a burst to forward, its peer has sent frames whose completions wait, and chunks are missing
    /// from the fill ring.</summary>
    /// <param name="plan">The name of the plan.</param>
    /// <param name="accepted">Frames that the ring of port 0 took.</param>
    internal static Rig Prepared(string plan, out ulong accepted)
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

    /// <summary>What is wrong after each store; empty when nothing is.</summary>
    /// <param name="trace">The stores.</param>
    /// <param name="rig">What <see cref="Prepared"/> made.</param>
    /// <param name="accepted">Frames that the ring of port 0 took.</param>
    /// <param name="damage">What happens to the memory before the successor sees it.</param>
    internal static string[] Faults(StoreTrace trace, Rig rig, ulong accepted, Action<LabMemory> damage)
    {
        LabPlan plan = rig.Memory.Plan;
        ulong sentBefore = (ulong)rig.Sent.Sum(sent => sent.Count);
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
}
