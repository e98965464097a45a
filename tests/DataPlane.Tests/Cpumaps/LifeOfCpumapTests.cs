using Nf.DataPlane.Tests.Xdp;
using Nf.Internal.V1;
using Nf.Linux;
using Nf.V1;
using Command = Nf.DataPlane.Tests.Xdp.Command;

namespace Nf.DataPlane.Tests.Cpumaps;

/// <summary>Cpumaps and their entries from creation to end.</summary>
[Trait("Tier", "kernel")]
public class LifeOfCpumapTests
{
    [Fact]
    public void Create_NoSizes_TakesPossibleCpusAndTheLargerValue()
    {
        using var lab = new CpumapLab();

        Cpumap cpumap = lab.Create("m");

        Assert.Equal(BpfMap.PossibleCpuCount, (int)cpumap.Spec.MaxEntries);
        Assert.Equal(CpumapBackend.Kernel, cpumap.Spec.Backend);
        Assert.Equal(8u, cpumap.Status.ValueSize);
        Assert.NotEqual(0u, cpumap.Status.MapId);
        Assert.True(cpumap.Status.CountersAvailable, cpumap.Status.CountersReason);
        Assert.Empty(cpumap.Status.Entries);
    }

    [Fact]
    public void Create_SameNameAgain_IsRefused()
    {
        using var lab = new CpumapLab();
        lab.Create("m");

        Assert.Equal("NAME_TAKEN", lab.TryCreate("m").Fault.Reason);
    }

    // Case 98, cpumap_lookup_returns_prog_id.
    [Fact]
    public void Update_BuiltinProgram_KernelTellsQueueAndProgram()
    {
        using var lab = new CpumapLab();
        lab.Create("m");

        CpumapEntryDone done = lab.Update("m", 1, 192, CpumapLab.Builtin(BuiltinCpumapProgram.Pass));

        Assert.False(done.Draining);
        Assert.True(lab.MapOf("m").TryLookupCpumap(1, out uint queueSize, out uint programId));
        Assert.Equal((192u, done.Entry.ProgramId), (queueSize, programId));
        Assert.Equal(1u, done.Entry.Threads);
        Assert.Equal(1u, lab.ThreadsOf("m", 1));
        Assert.Equal(192u, lab.Life.Segment.CpumapEntry((int)done.Entry.SegmentSlot).Identity.QueueSize);
    }

    // Case 99, cpumap_kthread_count_settles: the answer comes when the replaced thread is gone.
    [Fact]
    public void Update_ManyTimes_LeavesOneThreadEachTime()
    {
        using var lab = new CpumapLab();
        lab.Create("m");

        for (uint size = 1; size <= 40; size++)
        {
            CpumapEntryDone done = lab.Update("m", 0, size);

            Assert.False(done.Draining);
            Assert.Equal(1u, done.Entry.Threads);
            lab.AssertThreads("m", 0, 1);
        }
    }

    [Fact]
    public void Update_NoTimeToDrain_SaysThatItStillDrains()
    {
        using var lab = new CpumapLab();
        lab.Create("m");
        lab.Update("m", 0, 64);

        CpumapEntryDone done = CpumapLab.Checked(lab.TryUpdate("m", 0, 65, drainMs: 0)).CpumapEntry;

        Assert.True(done.Draining);
        Assert.Equal(2u, done.Entry.Threads);
        Await.Until(() => lab.EntryOf("m", 0).Threads == 1, "the replaced thread's end");
    }

    // Case 97, cpumap_delete_falls_back.
    [Fact]
    public void DeleteEntry_Present_RedirectFallsBack()
    {
        using var lab = new CpumapLab();
        using VethLab veth = VethLab.Create();
        lab.Create("m");
        lab.Update("m", 1, 64);
        using var feed = new CpumapFeed(veth, lab.MapOf("m"), 1, fallback: LinuxBpf.XDP_PASS);
        Assert.Equal(LinuxBpf.XDP_REDIRECT, feed.Verdict());

        CpumapEntryDone done = CpumapLab.Checked(lab.TryDeleteEntry("m", 1)).CpumapEntry;

        Assert.False(done.Draining);
        Assert.Null(done.Entry);
        Assert.Equal(LinuxBpf.XDP_PASS, feed.Verdict());
        Assert.Empty(lab.StatusOf("m").Entries);
        lab.AssertThreads("m", 1, 0);
        CpumapLab.Checked(lab.TryDeleteEntry("m", 1));
    }

    [Fact]
    public void Update_QueueOfZero_RemovesTheEntry()
    {
        using var lab = new CpumapLab();
        lab.Create("m");
        lab.Update("m", 1, 64);

        CpumapLab.Checked(lab.TryUpdate("m", 1, 0));

        Assert.False(lab.MapOf("m").TryLookupCpumap(1, out _, out _));
        CpumapLab.Checked(lab.TryUpdate("m", 1, 0));
    }

    [Fact]
    public void Delete_WithEntries_EndsEveryThread()
    {
        using var lab = new CpumapLab();
        Cpumap cpumap = lab.Create("m");
        lab.Update("m", 0, 64);
        lab.Update("m", 1, 64);

        CpumapLab.Checked(lab.Delete("m"));

        Assert.Equal("UNKNOWN_RESOURCE", lab.Delete("m").Fault.Reason);
        foreach (uint cpu in new uint[] { 0, 1 })
        {
            string name = Nf.DataPlane.Cpumaps.KernelThreads.NameOf(cpumap.Status.MapId, cpu);
            Assert.Equal(0u, Nf.DataPlane.Cpumaps.KernelThreads.CountInProc(name));
        }
    }

    [Fact]
    public void Update_RedirectToInterface_FramesLeaveThere()
    {
        using var lab = new CpumapLab();
        using VethLab veth = VethLab.Create();
        (int code, _, string errors) = Command.Run(
            "ip", $"netns exec {veth.OuterName} ethtool -K {VethLab.Peer} gro on"); // and with it NAPI
        Assert.True(code == 0, errors);
        lab.Create("m");
        var program = new CpumapEntryProgram
        {
            Builtin = BuiltinCpumapProgram.Redirect,
            Redirect = new RedirectTarget
            {
                Interface = VethLab.Device,
                NetworkNamespace = new V1.NetworkNamespace { Path = veth.Inner.Descriptor.OwnPath },
            },
        };
        lab.Update("m", 1, 512, program);
        using var feed = new CpumapFeed(veth, lab.MapOf("m"), 1);

        feed.Send(100);

        Await.Until(() => lab.EntryOf("m", 1).Counters.ProgramRedirect == 100, "the redirects");
        Assert.Empty(lab.StatusOf("m").RedirectErrors);
        Await.Until(
            () => veth.Outside($"-s link show {VethLab.Peer}").Contains(" 100 ", StringComparison.Ordinal),
            "the frames on the far side");
    }
}
