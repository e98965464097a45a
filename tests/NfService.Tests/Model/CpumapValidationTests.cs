using Google.Protobuf;
using Google.Protobuf.WellKnownTypes;
using Nf.V1;

namespace Nf.Service.Tests;

public sealed class CpumapValidationTests
{
    private static readonly RedirectTarget Interface = new() { Interface = "veth1" };
    private static readonly RedirectTarget Device = new() { VhostDevice = "v" };

    public static TheoryData<string, Action<CpumapSpec>, string> WrongSpecs { get; } = new()
    {
        { "backend", s => s.Backend = (CpumapBackend)9, "spec.backend" },
        { "entries", s => s.MaxEntries = 8193, "spec.max_entries" },
        { "node", s => s.NumaNode = 1024, "spec.numa_node" },
        {
            "node in user space", s => (s.Backend, s.NumaNode) = (CpumapBackend.Userspace, 0), "spec.numa_node"
        },
    };

    public static TheoryData<string, Action<UpdateCpumapEntryRequest>, string> WrongEntries { get; } = new()
    {
        { "name", r => r.Cpumap = "M", "cpumap" },
        { "no entry", r => r.Entry = null, "entry" },
        { "mode", r => r.Mode = (CpumapUpdateMode)4, "mode" },
        { "no program named", r => r.Entry.Program = new CpumapEntryProgram(), "entry.program" },
        { "builtin 0", r => r.Entry.Program = new() { Builtin = 0 }, "entry.program.builtin" },
        {
            "builtin unknown", r => r.Entry.Program = new() { Builtin = (BuiltinCpumapProgram)9 },
            "entry.program.builtin"
        },
        { "loaded name", r => r.Entry.Program = new() { Loaded = "-" }, "entry.program.loaded" },
        { "no target", r => r.Entry.Program = Redirect(null), "entry.program.redirect" },
        { "empty target", r => r.Entry.Program = Redirect(new RedirectTarget()), "entry.program.redirect" },
        {
            "interface name", r => r.Entry.Program = Redirect(new() { Interface = "a/b" }),
            "entry.program.redirect.interface"
        },
        {
            "namespace of a device",
            r => r.Entry.Program = Redirect(new() { VhostDevice = "v", NetworkNamespace = new() { Pid = 1 } }),
            "entry.program.redirect.network_namespace"
        },
        {
            "namespace",
            r => r.Entry.Program = Redirect(new() { Interface = "a", NetworkNamespace = new() { Path = "x" } }),
            "entry.program.redirect.network_namespace.path"
        },
        {
            "a target of pass",
            r => r.Entry.Program = new() { Builtin = BuiltinCpumapProgram.Pass, Redirect = Interface },
            "entry.program.redirect"
        },
        {
            "a target of a loaded one",
            r => r.Entry.Program = new() { Loaded = "p", Redirect = Interface },
            "entry.program.redirect"
        },
        { "drain too long", r => r.DrainTimeout = new Duration { Seconds = 61 }, "drain_timeout" },
        { "drain negative", r => r.DrainTimeout = new Duration { Seconds = -1 }, "drain_timeout" },
        { "drain hostile", r => r.DrainTimeout = new Duration { Seconds = long.MaxValue }, "drain_timeout" },
    };

    public static TheoryData<string, CpumapProgramSpec, string> WrongPrograms { get; } = new()
    {
        { "nothing", new CpumapProgramSpec(), "spec.code" },
        { "empty file", new CpumapProgramSpec { Elf = new CpumapElf() }, "spec.elf.file" },
        { "no ELF", Elf("#!/bin/sh"u8.ToArray()), "spec.elf.file" },
        { "too large", Requests.Elf("p", DesiredCpumapProgram.ElfBytesMax + 1).Spec, "spec.elf.file" },
        { "section with a blank", Elf([0x7f, .. "ELF"u8], e => e.Section = "xdp cpumap"), "spec.elf.section" },
        { "section too long", Elf([0x7f, .. "ELF"u8], e => e.Section = new string('x', 129)), "spec.elf.section" },
        { "another digest", Elf([0x7f, .. "ELF"u8], e => e.Sha256 = "00"), "spec.elf.sha256" },
        { "no steps", new CpumapProgramSpec { Filters = new() }, "spec.filters.steps" },
        { "65 steps", Filters([.. Enumerable.Repeat(Drop, 65)]), "spec.filters.steps" },
        { "no action", Filters(new CpumapFilterStep()), "spec.filters.steps[0].action" },
        {
            "filter too long", Filters(new CpumapFilterStep(Drop) { Filter = new string('x', 4097) }),
            "spec.filters.steps[0].filter"
        },
        {
            "filter with a zero", Filters(new CpumapFilterStep(Drop) { Filter = "a\0" }),
            "spec.filters.steps[0].filter"
        },
        {
            "redirect nowhere", Filters(new CpumapFilterStep { Action = BuiltinCpumapProgram.Redirect }),
            "spec.filters.steps[0].redirect"
        },
        {
            "redirect to an interface",
            Filters(new CpumapFilterStep { Action = BuiltinCpumapProgram.Redirect, Redirect = Interface }),
            "spec.filters.steps[0].redirect"
        },
        {
            "drop with a target", Filters(new CpumapFilterStep(Drop) { Redirect = Device }),
            "spec.filters.steps[0].redirect"
        },
    };

    private static CpumapFilterStep Drop => new() { Action = BuiltinCpumapProgram.Drop };

    [Theory]
    [MemberData(nameof(WrongSpecs))]
    public void From_WrongSpec_NamesThatFieldOnly(string why, Action<CpumapSpec> change, string field) =>
        AssertField(why, field, () => DesiredCpumap.From(Requests.Cpumap("m", change)));

    [Theory]
    [MemberData(nameof(WrongEntries))]
    public void From_WrongEntry_NamesThatFieldOnly(
        string why, Action<UpdateCpumapEntryRequest> change, string field) =>
        AssertField(why, field, () => CpumapEntryUpdate.From(Requests.Entry("m", 0, change)));

    [Theory]
    [MemberData(nameof(WrongPrograms))]
    public void From_WrongProgram_NamesThatFieldOnly(string why, CpumapProgramSpec spec, string field) =>
        AssertField(why, field, () => DesiredCpumapProgram.From(new() { Name = "p", Spec = spec }));

    [Fact]
    public void From_ManyFaults_NamesThemAll()
    {
        var error = Assert.Throws<InvalidSpecException>(() => CpumapEntryUpdate.From(new UpdateCpumapEntryRequest
        {
            Cpumap = "M",
            Mode = (CpumapUpdateMode)9,
            Entry = new CpumapEntrySpec { Program = Redirect(null) },
            DrainTimeout = new Duration { Seconds = 100 },
        }));

        Assert.Equal(["cpumap", "mode", "entry.program.redirect", "drain_timeout"], error.Faults.Select(f => f.Field));
    }

    // What the data plane judges in the kernel's order must not be judged here first.
    [Theory]
    [InlineData(uint.MaxValue, 192)]
    [InlineData(0, uint.MaxValue)]
    [InlineData(0, 0)]
    public void From_RangesOfTheKernel_AreLeftToTheDataPlane(uint cpu, uint queueSize) => Assert.Equal(
        queueSize,
        CpumapEntryUpdate.From(Requests.Entry("m", cpu, r => r.Entry.QueueSize = queueSize)).Entry.QueueSize);

    [Theory]
    [InlineData(CpumapBackend.Kernel, false)]
    [InlineData(CpumapBackend.Userspace, true)]
    public void CheckBackend_RedirectToADevice_IsForUserSpaceOnly(CpumapBackend backend, bool fits)
    {
        var update = CpumapEntryUpdate.From(Requests.Entry("m", 0, r => r.Entry.Program = Redirect(Device)));

        Assert.Equal(fits, Record.Exception(() => update.CheckBackend(backend)) is null);
    }

    [Fact]
    public void From_Defaults_AreFilledIn()
    {
        Assert.Equal(CpumapBackend.Kernel, DesiredCpumap.From(Requests.Cpumap()).Backend);
        var update = CpumapEntryUpdate.From(Requests.Entry("m", 0));
        Assert.Equal((CpumapUpdateMode.Any, TimeSpan.FromSeconds(5)), (update.Mode, update.DrainTimeout));
    }

    [Fact]
    public void From_AnElf_AnswersWithItsDigestAndCommandsWithItsFile()
    {
        var program = DesiredCpumapProgram.From(Requests.Elf("p"));

        Assert.True(program.ToProto().Spec.Elf.File.IsEmpty);
        Assert.Equal(64, program.ToProto().Spec.Elf.Sha256.Length);
        Assert.Equal(100, program.ToCommand().Spec.Elf.File.Length);
        Assert.Null(program.DifferenceFrom(DesiredCpumapProgram.Learn(program.ToCommand())));
        Assert.NotNull(program.DifferenceFrom(DesiredCpumapProgram.From(Requests.Elf("p", 101))));
    }

    private static CpumapEntryProgram Redirect(RedirectTarget? target) =>
        new() { Builtin = BuiltinCpumapProgram.Redirect, Redirect = target };

    private static CpumapProgramSpec Elf(byte[] file, Action<CpumapElf>? change = null)
    {
        var elf = new CpumapElf { File = ByteString.CopyFrom(file) };
        change?.Invoke(elf);
        return new CpumapProgramSpec { Elf = elf };
    }

    private static CpumapProgramSpec Filters(params CpumapFilterStep[] steps) =>
        new() { Filters = new CpumapFilterProgram { Steps = { steps } } };

    private static void AssertField(string why, string field, Func<object> make)
    {
        var error = Assert.Throws<InvalidSpecException>(make);
        Assert.True(error.Faults.All(fault => fault.Field == field), $"{why}: {error.Message}");
    }
}
