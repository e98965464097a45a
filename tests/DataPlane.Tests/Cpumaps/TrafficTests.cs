using Nf.DataPlane.Tests.Xdp;
using Nf.V1;

namespace Nf.DataPlane.Tests.Cpumaps;

/// <summary>Frames through cpumaps: every one is delivered, or dropped with a reason that is counted.</summary>
[Trait("Tier", "kernel")]
public class TrafficTests
{
    // Case 100, cpumap_tracepoint_sums_equal_traffic.
    [Fact]
    public void Counters_TrafficWithoutLoss_EqualWhatWasSent()
    {
        const int Count = 4000;
        using var lab = new CpumapLab();
        using VethLab veth = VethLab.Create();
        lab.Create("m");
        lab.Update("m", 1, 16384, CpumapLab.Builtin(BuiltinCpumapProgram.Pass));
        using var feed = new CpumapFeed(veth, lab.MapOf("m"), 1);
        ulong before = CpumapFeed.ReceivedByStack(veth);

        feed.Send(Count);

        Await.Until(() => lab.EntryOf("m", 1).Counters.Processed == Count, "the thread");
        CpumapEntryCounters counters = lab.EntryOf("m", 1).Counters;
        Assert.Equal((ulong)Count, counters.Enqueued);
        Assert.Equal(0ul, counters.EnqueueDrops + counters.AllocDrops + counters.ProgramDrop);
        Assert.Equal((ulong)Count, counters.ProgramPass);
        Assert.InRange(counters.Bulks, (ulong)Count / 8, (ulong)Count);
        Await.Until(() => CpumapFeed.ReceivedByStack(veth) - before == Count, "the stack");
    }

    // Case 95, cpumap_qsize1_drop_count_matches_trace.
    [Fact]
    public void Counters_QueueOfOne_DropsAndDeliveriesAddUp()
    {
        const int Count = 2000;
        using var lab = new CpumapLab();
        using VethLab veth = VethLab.Create();
        lab.Create("m");
        lab.Update("m", 1, 1);
        using var feed = new CpumapFeed(veth, lab.MapOf("m"), 1);
        ulong before = CpumapFeed.ReceivedByStack(veth);

        feed.Send(Count);

        AssertAllAccounted(lab, veth, before, Count, [1]);
        Assert.NotEqual(0ul, lab.EntryOf("m", 1).Counters.EnqueueDrops);
    }

    [Fact]
    public void Counters_ProgramDrops_AreCountedAsSuch()
    {
        using var lab = new CpumapLab();
        using VethLab veth = VethLab.Create();
        lab.Create("m");
        lab.Update("m", 0, 2048, CpumapLab.Builtin(BuiltinCpumapProgram.Drop));
        using var feed = new CpumapFeed(veth, lab.MapOf("m"), 0);

        feed.Send(1000);

        Await.Until(() => lab.EntryOf("m", 0).Counters.ProgramDrop == 1000, "the drops");
        Assert.Equal(0ul, lab.EntryOf("m", 0).Counters.ProgramPass);
    }

    // Case 96, cpumap_replace_under_traffic_no_loss_beyond_queue: a frame is in the old queue, or in the new one, or
    // was dropped because one of them was full.
    [Fact]
    public void Update_UnderTraffic_EveryFrameIsAccountedFor()
    {
        const int Rounds = 60;
        const int PerRound = 500;
        using var lab = new CpumapLab();
        using VethLab veth = VethLab.Create();
        lab.Create("m");
        lab.Update("m", 1, 1024);
        using var feed = new CpumapFeed(veth, lab.MapOf("m"), 1);
        ulong before = CpumapFeed.ReceivedByStack(veth);
        Exception? failure = null;
        var sender = new Thread(() => failure = Record.Exception(() =>
        {
            for (int round = 0; round < Rounds; round++)
            {
                feed.Send(PerRound);
            }
        }));

        sender.Start();
        uint updates = 0;
        while (sender.IsAlive)
        {
            Assert.False(lab.Update("m", 1, 256 + (updates++ % 512)).Draining);
        }

        sender.Join();
        Assert.Null(failure);
        Assert.True(updates > 3, $"{updates} updates meanwhile");
        AssertAllAccounted(lab, veth, before, Rounds * PerRound, [1]);
        lab.AssertThreads("m", 1, 1);
    }

    [Fact]
    public void Redirect_ToInterfaceThatTakesNone_IsToldByDevice()
    {
        using var lab = new CpumapLab();
        using VethLab veth = VethLab.Create();
        veth.AddPair("nfx2", "nfx3", 1, 1, 2);
        lab.Create("m");
        lab.Update("m", 1, 512, new CpumapEntryProgram
        {
            Builtin = BuiltinCpumapProgram.Redirect,
            Redirect = new RedirectTarget
            {
                Interface = "nfx2",
                NetworkNamespace = new V1.NetworkNamespace { Path = veth.Inner.Descriptor.OwnPath },
            },
        });
        using var feed = new CpumapFeed(veth, lab.MapOf("m"), 1);

        feed.Send(64); // a veth takes redirected frames only while its peer has NAPI

        Await.Until(() => lab.EntryOf("m", 1).Counters.ProgramDrop == 64, "the drops");
        RedirectError error = Assert.Single(lab.StatusOf("m").RedirectErrors);
        Assert.Equal((VethLab.Device, "EOPNOTSUPP", 64ul), (error.Interface, error.Error, error.Packets));
    }

    [Fact]
    public void Counters_EntryReplacedAndRemoved_GoOn()
    {
        using var lab = new CpumapLab();
        using VethLab veth = VethLab.Create();
        lab.Create("m");
        lab.Update("m", 1, 4096);
        using var feed = new CpumapFeed(veth, lab.MapOf("m"), 1);
        feed.Send(100);
        lab.Update("m", 1, 2048);
        feed.Send(100);
        CpumapLab.Checked(lab.TryDeleteEntry("m", 1));
        feed.Send(100); // nowhere
        lab.Update("m", 1, 1024);
        feed.Send(100);

        Await.Until(() => lab.EntryOf("m", 1).Counters.Processed == 300, "the frames of three entries");
        lab.Life.Commands.Cpumaps.Publish();
        Assert.Equal(300ul, lab.Life.Segment.CpumapEntry((int)lab.EntryOf("m", 1).SegmentSlot).In.Enqueued);
    }

    private static void AssertAllAccounted(
        CpumapLab lab, VethLab veth, ulong before, ulong sent, IReadOnlyList<uint> cpus)
    {
        CpumapEntryCounters Sum()
        {
            var sum = new CpumapEntryCounters();
            foreach (uint cpu in cpus)
            {
                CpumapEntryCounters one = lab.EntryOf("m", cpu).Counters;
                sum.Enqueued += one.Enqueued;
                sum.EnqueueDrops += one.EnqueueDrops;
                sum.Processed += one.Processed;
                sum.AllocDrops += one.AllocDrops;
            }

            return sum;
        }

        Await.Until(() => Sum() is var now && now.Processed + now.EnqueueDrops == sent, "every frame to be taken");
        CpumapEntryCounters counters = Sum();
        Assert.Equal(sent, counters.Enqueued);
        ulong delivered = sent - counters.EnqueueDrops - counters.AllocDrops;
        Await.Until(() => CpumapFeed.ReceivedByStack(veth) - before == delivered, $"the stack to have {delivered}");
    }
}
