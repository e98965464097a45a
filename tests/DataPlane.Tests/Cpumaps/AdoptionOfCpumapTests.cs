using Nf.DataPlane.Control;
using Nf.DataPlane.Tests.Xdp;
using Nf.V1;

namespace Nf.DataPlane.Tests.Cpumaps;

/// <summary>The next life goes on with cpumaps, programs and counters where they are.</summary>
[Trait("Tier", "kernel")]
public class AdoptionOfCpumapTests
{
    [Fact]
    public void NextLife_CpumapWithEntries_GoesOnWithoutATouch()
    {
        using var lab = new CpumapLab();
        using VethLab veth = VethLab.Create();
        CpumapLab.Checked(lab.Load("p", BpfSource.Entry("return XDP_PASS;")));
        Cpumap cpumap = lab.Create("m");
        lab.Update("m", 0, 100, CpumapLab.Named("p"));
        lab.Update("m", 1, 4096, CpumapLab.Builtin(BuiltinCpumapProgram.Pass));
        using var feed = new CpumapFeed(veth, lab.MapOf("m"), 1);
        feed.Send(200);
        Await.Until(() => lab.EntryOf("m", 1).Counters.Processed == 200, "the thread");
        CpumapStatus seen = lab.StatusOf("m");

        Assert.Empty(lab.NextLife());
        feed.Send(100);

        Assert.Equal(cpumap.Status.MapId, lab.StatusOf("m").MapId);
        Await.Until(() => lab.EntryOf("m", 1).Counters.Processed == 300, "counters that go on");
        for (int i = 0; i < 2; i++)
        {
            CpumapEntry now = lab.StatusOf("m").Entries[i];
            Assert.Equal(
                (seen.Entries[i].Cpu, seen.Entries[i].QueueSize, seen.Entries[i].ProgramId, 1u),
                (now.Cpu, now.QueueSize, now.ProgramId, now.Threads));
            Assert.Equal(seen.Entries[i].Program, now.Program);
        }

        // And all of it can be changed and ended.
        Assert.Equal("IN_USE", lab.Unload("p").Fault.Reason);
        Assert.False(lab.Update("m", 0, 101).Draining);
        lab.AssertThreads("m", 0, 1);
        CpumapLab.Checked(lab.Unload("p"));
        CpumapLab.Checked(lab.Delete("m"));
        Assert.Empty(lab.NextLife());
        Assert.Empty(lab.Life.Resources.Cpumaps);
    }

    [Fact]
    public void NextLife_EntryChangedBehindUs_TakesTheKernelsWord()
    {
        using var lab = new CpumapLab();
        lab.Create("m");
        lab.Update("m", 0, 100);
        lab.Update("m", 1, 100);
        lab.MapOf("m").UpdateCpumap(0, 55, null);
        lab.MapOf("m").Delete(1u);

        IReadOnlyList<string> remarks = lab.NextLife();

        Assert.Equal(2, remarks.Count);
        Assert.Equal(55u, Assert.Single(lab.StatusOf("m").Entries).QueueSize);
    }

    // A life ended between telling the keeper and the kernel's answer, or the other way round.
    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void NextLife_UpdateInterrupted_FindsWhatCameOfIt(bool kernelTookIt)
    {
        using var lab = new CpumapLab();
        lab.Create("m");
        lab.Update("m", 0, 100);
        var cpumap = (KernelCpumapResource)lab.Life.Resources.Cpumap("m");
        cpumap.Coming[0] = new CpumapEntryResource(
            new CpumapEntrySpec { Cpu = 0, QueueSize = 200 }, cpumap.Entries[0].Slot);
        lab.Life.Resources.Store.Put(cpumap);
        if (kernelTookIt)
        {
            lab.MapOf("m").UpdateCpumap(0, 200, null);
        }

        Assert.Empty(lab.NextLife());

        Assert.Equal(kernelTookIt ? 200u : 100u, lab.EntryOf("m", 0).QueueSize);
    }

    [Fact]
    public void NextLife_RemovalInterrupted_FinishesIt()
    {
        using var lab = new CpumapLab();
        lab.Create("m");
        lab.Update("m", 0, 100);
        lab.Life.Resources.Cpumap("m").Entries[0].Leaving = true;
        lab.Life.Resources.Store.Put((KernelCpumapResource)lab.Life.Resources.Cpumap("m"));

        Assert.Empty(lab.NextLife());

        Assert.Empty(lab.StatusOf("m").Entries);
        Assert.False(lab.MapOf("m").TryLookupCpumap(0, out _, out _));
    }
}
