using Nf.DataPlane.Cpumaps;
using Nf.DataPlane.Faults;
using Nf.Internal.V1;
using Nf.Linux;
using Nf.V1;

namespace Nf.DataPlane.Tests.Cpumaps;

/// <summary>What is refused, in the kernel's order, and that the kernel agrees (cases 92 to 94).</summary>
[Trait("Tier", "kernel")]
public class ErrnoTableTests
{
    private const uint Impossible = 200; // below NR_CPUS of the kernel, beyond the CPUs of this machine
    private const uint MaxEntries = 250;

    /// <summary>Mode, CPU, queue size, whether CPU 0 has an entry; the errno.</summary>
    public static TheoryData<string, int, uint, uint, Errno> Refusals => new()
    {
        { "flags first", 4, MaxEntries, 16385, Errno.EINVAL },
        { "CPU out of range before queue size", 0, MaxEntries, 16385, Errno.E2BIG },
        { "CPU out of range before NOEXIST", 1, MaxEntries, 64, Errno.E2BIG },
        { "NOEXIST before queue size", 1, 0, 16385, Errno.EEXIST },
        { "queue size before CPU", 0, Impossible, 16385, Errno.EOVERFLOW },
        { "CPU not possible", 0, Impossible, 64, Errno.ENODEV },
        { "CPU not possible, even to remove", 0, Impossible, 0, Errno.ENODEV },
    };

    [Theory]
    [MemberData(nameof(Refusals))]
    public void Update_Refused_ErrnoIsTheKernels(string what, int flags, uint cpu, uint queueSize, Errno expected)
    {
        using var lab = new CpumapLab();
        lab.Create("m", new CpumapSpec { MaxEntries = MaxEntries });
        lab.Update("m", 0, 64);

        Reply reply = lab.TryUpdate("m", cpu, queueSize, mode: ToMode(flags));
        var kernel = Assert.Throws<LinuxException>(
            () => lab.MapOf("m").UpdateCpumap(cpu, queueSize, null, (ulong)flags));

        Assert.True(reply.Fault is not null, what);
        Assert.Equal((expected, expected), ((Errno)reply.Fault.Errno, kernel.Errno));
        Assert.Equal(64u, lab.EntryOf("m", 0).QueueSize);
    }

    /// <summary>Where this service means more than the kernel, which calls every slot existing.</summary>
    [Fact]
    public void Update_ModesOnEmptySlot_MeanWhatTheySay()
    {
        using var lab = new CpumapLab();
        lab.Create("m");

        Assert.Equal(Errno.ENOENT, (Errno)lab.TryUpdate("m", 0, 64, mode: CpumapUpdateMode.Exist).Fault.Errno);
        CpumapLab.Checked(lab.TryUpdate("m", 0, 64, mode: CpumapUpdateMode.Noexist));
        CpumapLab.Checked(lab.TryUpdate("m", 0, 65, mode: CpumapUpdateMode.Exist));
        Assert.Equal("ENTRY_EXISTS", lab.TryUpdate("m", 0, 66, mode: CpumapUpdateMode.Noexist).Fault.Reason);
        Assert.Equal(65u, lab.EntryOf("m", 0).QueueSize);
    }

    [Theory]
    [InlineData(1u)]
    [InlineData(16384u)]
    [InlineData(777u)]
    public void Update_AnyQueueSizeInRange_IsTaken(uint queueSize)
    {
        using var lab = new CpumapLab();
        lab.Create("m");

        lab.Update("m", 0, queueSize);

        Assert.True(lab.MapOf("m").TryLookupCpumap(0, out uint kept, out _));
        Assert.Equal(queueSize, kept);
    }

    [Theory]
    [InlineData(0, Errno.EINVAL)]
    [InlineData(1, null)]
    [InlineData(-1, Errno.E2BIG)] // one more than the kernel is built for
    public void Create_Entries_KernelAgrees(int entries, Errno? expected)
    {
        uint count = entries < 0 ? new MachineCpus().BuiltFor + 1 : (uint)entries;
        Errno? kernel = null;
        try
        {
            BpfMap.Create(LinuxBpf.BPF_MAP_TYPE_CPUMAP, "nf_test", 4, 8, count).Dispose();
        }
        catch (LinuxException refusal)
        {
            kernel = refusal.Errno;
        }

        Errno? ours = null;
        try
        {
            KernelCpumap.Create("nf-test", count, null).Dispose();
        }
        catch (CommandFaultException fault)
        {
            ours = fault.Errno;
        }

        Assert.Equal((expected, expected), (ours, kernel));
    }

    // Case 92, cpumap_value_4_and_8.
    [Theory]
    [InlineData(4, null)]
    [InlineData(8, null)]
    [InlineData(12, Errno.EINVAL)]
    [InlineData(16, Errno.EINVAL)]
    public void Create_ValueSizes_KernelTakesFourAndEight(int bytes, Errno? expected)
    {
        Errno? kernel = null;
        try
        {
            using var small = new KernelCpumap(BpfMap.Create(LinuxBpf.BPF_MAP_TYPE_CPUMAP, "nf_test", 4, bytes, 2));
            small.Map.UpdateCpumap(0, 33, null);
            Assert.Equal([(0u, 33u, 0u)], small.Entries());
            Assert.Equal(bytes == 8, small.HasPrograms);
        }
        catch (LinuxException refusal)
        {
            kernel = refusal.Errno;
        }

        Assert.Equal(expected, kernel);
    }

    [Fact]
    public void DeleteEntry_CpuOutOfRange_KernelCallsItInvalidAndWeOutOfRange()
    {
        using var lab = new CpumapLab();
        lab.Create("m", new CpumapSpec { MaxEntries = 2 });

        var kernel = Assert.Throws<LinuxException>(() => lab.MapOf("m").Delete(2u));

        Assert.Equal(Errno.EINVAL, kernel.Errno);
        Assert.Equal(Errno.E2BIG, (Errno)lab.TryDeleteEntry("m", 2).Fault.Errno);
        Assert.False(lab.MapOf("m").TryLookupCpumap(2, out _, out _));
    }

    [Fact]
    public void Create_NumaNodeOfNobody_IsRefused()
    {
        using var lab = new CpumapLab();

        Assert.Equal("NUMA_NODE_UNKNOWN", lab.TryCreate("m", new CpumapSpec { NumaNode = 63 }).Fault.Reason);
        CpumapLab.Checked(lab.TryCreate("m", new CpumapSpec { NumaNode = 0 }));
    }

    [Fact]
    public void Create_UserSpaceBackend_NamesTheField()
    {
        using var lab = new CpumapLab();

        Reply reply = lab.TryCreate("m", new CpumapSpec { Backend = (CpumapBackend)77 });

        Assert.Equal("BACKEND_UNSUPPORTED", reply.Fault.Reason);
        Assert.Contains("spec.backend", reply.Fault.Message, StringComparison.Ordinal);
    }

    private static CpumapUpdateMode ToMode(int flags) => flags switch
    {
        0 => CpumapUpdateMode.Any,
        1 => CpumapUpdateMode.Noexist,
        2 => CpumapUpdateMode.Exist,
        _ => (CpumapUpdateMode)flags,
    };
}
