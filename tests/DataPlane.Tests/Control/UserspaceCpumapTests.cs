using Nf.DataPlane.Lab;
using Nf.DataPlane.Tests.Xdp;
using Nf.Internal.V1;
using Nf.Linux;
using Nf.V1;

namespace Nf.DataPlane.Tests.Control;

/// <summary>Cpumaps in user space by commands: the table of errors, programs, replacement under traffic, the next
/// life.</summary>
[Collection(Alone.Name)]
[Trait("Tier", "kernel")]
public sealed class UserspaceCpumapTests : IDisposable
{
    private const string SecondDevice = "nfx2";
    private const string SecondPeer = "nfx3";

    private readonly VethLab _lab = VethLab.Create();
    private readonly FakeKeeper _keeper = new();
    private ControlLife _life;

    public UserspaceCpumapTests()
    {
        _lab.AddPair(SecondDevice, SecondPeer, 1, 1, 1);
        _life = new ControlLife(_keeper);
        Ok(new Internal.V1.Command { CreateCpumap = new CreateCpumap { Cpumap = Cpumap() } });
    }

    private string Space => $"/run/netns/{_lab.OuterName.Replace("-o-", "-i-", StringComparison.Ordinal)}";

    public void Dispose()
    {
        _life.Dispose();
        _keeper.Dispose();
        _lab.Dispose();
    }

    // The last two are messages of the internal assembly, which a public test method cannot name.
    public static TheoryData<string, Errno, object, object> Refusals => new()
    {
        { "INVALID_SPEC", Errno.EINVAL, Entry(0, 8), (CpumapUpdateMode)9 },
        { "CPU_OUT_OF_RANGE", Errno.E2BIG, Entry(2, 8), CpumapUpdateMode.Any },
        { "ENTRY_EXISTS", Errno.EEXIST, Entry(0, 8), CpumapUpdateMode.Noexist },
        { "UNKNOWN_ENTRY", Errno.ENOENT, Entry(1, 8), CpumapUpdateMode.Exist },
        { "QUEUE_TOO_LARGE", Errno.EOVERFLOW, Entry(1, 16385), CpumapUpdateMode.Any },
        { "UNKNOWN_RESOURCE", Errno.ENOENT, Entry(1, 8, Loaded("none")), CpumapUpdateMode.Any },
        {
            "INVALID_SPEC", Errno.EINVAL,
            Entry(1, 8, new CpumapEntryProgram { Builtin = BuiltinCpumapProgram.Redirect }), CpumapUpdateMode.Any
        },
        {
            "UNKNOWN_RESOURCE", Errno.ENOENT,
            Entry(1, 8, new CpumapEntryProgram
            {
                Builtin = BuiltinCpumapProgram.Redirect,
                Redirect = new RedirectTarget { XskSocket = "none" },
            }),
            CpumapUpdateMode.Any
        },
    };

    [Theory]
    [MemberData(nameof(Refusals))]
    public void Update_AgainstTheRules_IsRefusedAsTheKernelDoes(
        string reason, Errno errno, object entry, object mode)
    {
        Update(Entry(0, 8));
        Fault fault = _life.Dispatcher.Execute(
            UpdateOf((CpumapEntrySpec)entry, (CpumapUpdateMode)mode))[0].Fault;
        Assert.Equal((reason, (int)errno), (fault?.Reason, fault?.Errno));
        Assert.Equal([0u], Status().Entries.Select(e => e.Cpu));
    }

    [Fact]
    public void Update_QueueSizeZero_RemovesTheEntry()
    {
        Update(Entry(0, 8));
        Update(Entry(0, 0));
        Assert.Empty(Status().Entries);
        Update(Entry(0, 0));
    }

    [Fact]
    public void Load_FiltersWithMistakes_NamesEachOfThem()
    {
        Fault fault = _life.Dispatcher.Execute(LoadOf(
            ("tcp prot 80", BuiltinCpumapProgram.Drop), ("ip", BuiltinCpumapProgram.Unspecified)))[0].Fault;
        Assert.Equal("INVALID_SPEC", fault.Reason);
        Assert.Equal(
            ["spec.filters.steps[0].filter", "spec.filters.steps[1].action"], fault.Fields.Select(f => f.Field));
    }

    [Fact]
    public void Delete_WhileALinkNamesIt_IsRefused()
    {
        Bind();
        Update(Entry(1, 64));
        Link();
        Assert.Equal("IN_USE", Refused(new Internal.V1.Command { DeleteCpumap = new DeleteCpumap { Name = "m" } }));
        Assert.Equal(["link/l"], _life.Commands.Cpumaps.Describe(_life.Resources.Cpumap("m")).Status.UsedBy);
        _life.Links.Delete("l");
        Ok(new Internal.V1.Command { DeleteCpumap = new DeleteCpumap { Name = "m" } });
        _life.Clear();
        Assert.Equal(["segment", "state"], _keeper.Keys);
    }

    [Fact]
    public void Program_OfFilters_DropsAndRedirects()
    {
        Bind();
        Ok(LoadOf(
            ("ether[11] = 1", BuiltinCpumapProgram.Drop), ("ether[11] = 2", BuiltinCpumapProgram.Redirect)));
        Update(Entry(1, 64, Loaded("p")));
        Link();
        var unload = new UnloadCpumapProgram { Name = "p" };
        Assert.Equal("IN_USE", Refused(new Internal.V1.Command { UnloadCpumapProgram = unload }));
        _life.Links.Delete("l");
        var unbind = new UnbindXskSocket { Name = "a" };
        Assert.Equal("IN_USE", Refused(new Internal.V1.Command { UnbindXskSocket = unbind }));
        Link();
        using var a = new PacketWire(_lab.Outer, VethLab.Peer);
        using var b = new PacketWire(_lab.Outer, SecondPeer);
        for (ulong i = 0; i < 30; i++)
        {
            a.Send(Frame(i, (byte)(i % 3)));
        }

        // Those that pass leave by b, those that are redirected where they came from.
        for (ulong i = 0; i < 30; i += 3)
        {
            Assert.Equal(Frame(i, 0), b.Receive());
            Assert.Equal(Frame(i + 2, 2), a.Receive());
        }

        _life.Until(() => _life.Resources.Socket("a").Port!.Rings.HandedOver == 0, "the frames to come home");
        CpumapEntryCounters counters = Status().Entries.Single().Counters;
        Assert.Equal((30ul, 30ul), (counters.Enqueued, counters.Processed));
        Assert.Equal(
            (10ul, 10ul, 10ul), (counters.ProgramPass, counters.ProgramDrop, counters.ProgramRedirect));
    }

    [Fact]
    public void Update_UnderTraffic_CountsOnAndLosesNothing()
    {
        Bind();
        Update(Entry(1, 64));
        Link();
        using var a = new PacketWire(_lab.Outer, VethLab.Peer);
        using var b = new PacketWire(_lab.Outer, SecondPeer);
        for (ulong i = 1; i <= 500; i++)
        {
            a.Send(Frame(i, 0));
            if (i % 50 == 0)
            {
                CpumapEntryDone done = Update(Entry(1, 64 + (uint)i));
                Assert.False(done.Draining);
                Assert.Equal(1u, done.Entry.Threads);
            }

            if (i >= 20)
            {
                Assert.Equal(i - 19, LabFrame.NumberOf(b.Receive()));
            }
        }

        for (ulong i = 482; i <= 500; i++)
        {
            Assert.Equal(i, LabFrame.NumberOf(b.Receive()));
        }

        _life.Until(() => _life.Resources.Socket("a").Port!.Rings.HandedOver == 0, "the frames to come home");
        CpumapEntryCounters counters = Status().Entries.Single().Counters;
        Assert.Equal((500ul, 0ul, 500ul), (counters.Enqueued, counters.EnqueueDrops, counters.Processed));
        _life.CheckLedgers();
    }

    [Fact]
    public void Adopt_NextLife_SpreadsAndCountsOn()
    {
        Bind();
        Ok(LoadOf(("ether[11] = 1", BuiltinCpumapProgram.Drop)));
        Update(Entry(1, 64, Loaded("p")));
        Link();
        Carry(10);
        Status();
        _life.Freeze();
        ControlLife before = _life;
        _life = new ControlLife(_keeper, _keeper.Snapshot());
        before.Dispose();
        Assert.Empty(_life.AdoptionFaults);
        Carry(10);
        CpumapEntryCounters counters = Status().Entries.Single().Counters;
        Assert.Equal((40ul, 20ul), (counters.Processed, counters.ProgramDrop));
        _life.CheckLedgers();
    }

    private static byte[] Frame(ulong number, byte kind)
    {
        byte[] frame = PacketWire.Frame(number, 100);
        frame[11] = kind;
        return frame;
    }

    private static Cpumap Cpumap() => new()
    {
        Name = "m",
        Spec = new CpumapSpec { Backend = CpumapBackend.Userspace, MaxEntries = 2 },
    };

    private static CpumapEntrySpec Entry(uint cpu, uint size, CpumapEntryProgram? program = null) =>
        new() { Cpu = cpu, QueueSize = size, Program = program };

    private static CpumapEntryProgram Loaded(string name) => new() { Loaded = name };

    private static Internal.V1.Command UpdateOf(CpumapEntrySpec entry, CpumapUpdateMode mode) => new()
    {
        UpdateCpumapEntry = new UpdateCpumapEntry { Cpumap = "m", Entry = entry, Mode = mode, DrainTimeoutMs = 5000 },
    };

    private static Internal.V1.Command LoadOf(params (string Filter, BuiltinCpumapProgram Action)[] steps)
    {
        var filters = new CpumapFilterProgram();
        filters.Steps.AddRange(steps.Select(step => new CpumapFilterStep
        {
            Filter = step.Filter,
            Action = step.Action,
            Redirect = step.Action == BuiltinCpumapProgram.Redirect ? new RedirectTarget { XskSocket = "a" } : null,
        }));
        return new Internal.V1.Command
        {
            LoadCpumapProgram = new LoadCpumapProgram
            {
                Program = new CpumapProgram { Name = "p", Spec = new CpumapProgramSpec { Filters = filters } },
            },
        };
    }

    private Reply Ok(Internal.V1.Command command)
    {
        Reply reply = _life.Dispatcher.Execute(command)[0];
        Assert.True(reply.Fault is null, reply.Fault?.Message);
        return reply;
    }

    private string Refused(Internal.V1.Command command) => _life.Dispatcher.Execute(command)[0].Fault.Reason;

    private CpumapEntryDone Update(CpumapEntrySpec entry) => Ok(UpdateOf(entry, CpumapUpdateMode.Any)).CpumapEntry;

    private CpumapStatus Status() => _life.Commands.Cpumaps.Describe(_life.Resources.Cpumap("m")).Status;

    private void Bind()
    {
        _life.CreateUmem("u");
        _life.Bind("a", "u", VethLab.Device, Space);
        _life.Bind("b", "u", SecondDevice, Space);
    }

    private void Link()
    {
        var spec = new LinkSpec
        {
            A = new Endpoint { XskSockets = { "a" }, Cpumap = new EndpointCpumap { Cpumap = "m" } },
            B = new Endpoint { XskSockets = { "b" } },
        };
        _life.Links.Create(new Link { Name = "l", Spec = spec });
    }

    // So many that pass, and as many that the program drops.
    private void Carry(ulong count)
    {
        using var a = new PacketWire(_lab.Outer, VethLab.Peer);
        using var b = new PacketWire(_lab.Outer, SecondPeer);
        for (ulong i = 0; i < count; i++)
        {
            a.Send(Frame(i, 1));
            a.Send(Frame(i, 0));
            Assert.Equal(Frame(i, 0), b.Receive());
        }

        _life.Until(() => _life.Resources.Socket("a").Port!.Rings.HandedOver == 0, "the frames to come home");
    }
}
