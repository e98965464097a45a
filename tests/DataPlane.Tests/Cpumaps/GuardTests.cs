using Nf.DataPlane.Control;
using Nf.DataPlane.Cpumaps;
using Nf.DataPlane.Faults;
using Nf.DataPlane.Tests.Xdp;
using Nf.Internal.V1;
using Nf.Linux;
using Nf.V1;

namespace Nf.DataPlane.Tests.Cpumaps;

/// <summary>CPUs on which the kernel would wait for ever, and what the control thread does meanwhile.</summary>
[Trait("Tier", "kernel")]
public class GuardTests
{
    [Theory]
    [InlineData("0-3,8", new uint[] { 0, 1, 2, 3, 8 })]
    [InlineData("0", new uint[] { 0 })]
    [InlineData("", new uint[0])]
    public void Cpus_KernelsList_IsRead(string list, uint[] expected) =>
        Assert.Equal(expected, MachineCpus.Parse(list));

    [Fact]
    public void Update_CpuOffline_IsRefusedBeforeTheKernelIsAsked()
    {
        using var lab = new CpumapLab();
        DirectoryInfo sysfs = Directory.CreateTempSubdirectory("nf-cpus-");
        File.WriteAllText(Path.Combine(sysfs.FullName, "possible"), "0-1\n");
        File.WriteAllText(Path.Combine(sysfs.FullName, "online"), "0\n");
        File.WriteAllText(Path.Combine(sysfs.FullName, "kernel_max"), "255\n");
        var commands = new CpumapCommands(
            lab.Life.Resources,
            new Dictionary<CpumapBackend, ICpumapBackend> { [CpumapBackend.Kernel] = lab.Kernel },
            new MachineCpus(sysfs.FullName));
        lab.Create("m");

        var fault = Assert.Throws<CommandFaultException>(() => commands.Update(new UpdateCpumapEntry
        {
            Cpumap = "m",
            Entry = new CpumapEntrySpec { Cpu = 1, QueueSize = 64 },
        }));

        sysfs.Delete(recursive: true);
        Assert.Equal("CPU_OFFLINE", fault.Reason);
        Assert.Empty(lab.StatusOf("m").Entries);
    }

    [Fact]
    public void Update_CpuThatRunsNobody_FailsAndLeavesTheEntry()
    {
        using var lab = new CpumapLab();
        lab.Create("m");
        lab.Update("m", 0, 64);
        lab.Kernel.ResponsiveCpu = (_, _) => false;

        Reply reply = lab.TryUpdate("m", 0, 65);

        Assert.Equal(("CPU_UNRESPONSIVE", Errno.ETIMEDOUT), (reply.Fault.Reason, (Errno)reply.Fault.Errno));
        Assert.Equal(64u, lab.EntryOf("m", 0).QueueSize);
        lab.Kernel.ResponsiveCpu = CpuProbe.Responds;
        lab.Update("m", 0, 65);
    }

    [Fact]
    public void Update_KernelHangs_OthersGoOnAndTheCallerIsToldInTime()
    {
        using var lab = new CpumapLab();
        using var hold = new ManualResetEventSlim();
        lab.Create("m");
        lab.Kernel.ResponsiveCpu = (cpu, _) => cpu != 1 || Wait(hold);
        Reply? late = null;

        IReadOnlyList<Reply> now = lab.Life.Commands.Dispatcher.Execute(
            new Internal.V1.Command
            {
                Id = 7,
                UpdateCpumapEntry = new UpdateCpumapEntry
                {
                    Cpumap = "m",
                    Entry = new CpumapEntrySpec { Cpu = 1, QueueSize = 64 },
                },
            },
            reply => late = reply);

        Assert.Empty(now);
        Assert.Null(late);
        lab.Update("m", 0, 64); // another CPU
        Assert.Equal("ENTRY_BUSY", lab.TryUpdate("m", 1, 64).Fault.Reason);
        Assert.Equal("ENTRY_BUSY", lab.Delete("m").Fault.Reason);
        lab.Life.Commands.Cpumaps.Tick(Clock.MonotonicNs() + (60L * 1_000_000_000));
        Assert.Equal((7ul, "CPU_UNRESPONSIVE"), (late!.Id, late.Fault.Reason));

        // When the kernel comes round after all, the entry is there.
        hold.Set();
        Await.Until(
            () =>
            {
                lab.Life.Loop.RunOnce(timeoutMs: 0);
                return lab.StatusOf("m").Entries.Count == 2;
            },
            "the late entry");
    }

    [Fact]
    public void Probe_OrdinaryCpu_Responds()
    {
        Assert.True(CpuProbe.Responds(0, CpuProbe.Patience));
        Assert.True(CpuProbe.Responds(1, CpuProbe.Patience));
    }

    [Fact]
    public void Senders_EntryComesAndGoes_AreToldWhenFindKnows()
    {
        using var lab = new CpumapLab();
        lab.Create("m");
        var seen = new List<string>();
        lab.Kernel.CpusChanged += name => seen.Add(string.Join(",", lab.Kernel.Find(name)!.Cpus));

        lab.Update("m", 1, 64);
        lab.Update("m", 0, 64);
        lab.Update("m", 0, 65); // the same CPUs
        CpumapLab.Checked(lab.TryDeleteEntry("m", 1));

        Assert.Equal(["1", "0,1", "0"], seen);
        Assert.Null(lab.Kernel.Find("other"));
    }

    private static bool Wait(ManualResetEventSlim hold)
    {
        hold.Wait();
        return true;
    }
}
