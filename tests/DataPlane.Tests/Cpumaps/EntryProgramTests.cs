using Nf.Internal.V1;
using Nf.Linux;
using Nf.V1;

namespace Nf.DataPlane.Tests.Cpumaps;

/// <summary>Programs that entries run: out of ELF files, of the wrong kind, in use.</summary>
[Trait("Tier", "kernel")]
public class EntryProgramTests
{
    private const string TwoPrograms = """
        SEC("xdp/cpumap") int first(struct xdp_md *ctx) { return XDP_PASS; }
        SEC("xdp/cpumap") int second(struct xdp_md *ctx) { return XDP_DROP; }
        """;

    /// <summary>What, C, section; the reason and a word of the message.</summary>
    public static TheoryData<string, string, string, string, string> Refusals => new()
    {
        { "no such section", Single("xdp/cpumap"), "xdp/other", "UNKNOWN_SECTION", "xdp/cpumap" },
        { "two and none named", TwoPrograms, "", "UNKNOWN_SECTION", "second" },
        { "plain XDP", Single("xdp"), "", "WRONG_ATTACH_TYPE", "xdp/cpumap" },
        { "of a device map", Single("xdp/devmap"), "", "WRONG_ATTACH_TYPE", "xdp/cpumap" },
        { "no XDP at all", "SEC(\"socket\") int f(void *ctx) { return 0; }", "", "WRONG_ATTACH_TYPE", "socket" },
        {
            "refused by the verifier",
            "SEC(\"xdp/cpumap\") int f(struct xdp_md *ctx) { return *(int *)(long)ctx->data; }",
            "", "PROGRAM_REFUSED", "invalid access to packet"
        },
        {
            "maps without end",
            "struct { __uint(type, BPF_MAP_TYPE_ARRAY); __uint(max_entries, 1 << 30); __type(key, __u32); "
            + "__type(value, __u64); } huge SEC(\".maps\");\n" + Single("xdp/cpumap"),
            "", "INVALID_ELF", "at most"
        },
    };

    [Theory]
    [MemberData(nameof(Refusals))]
    public void Load_Unfit_IsRefusedWithTheReason(string what, string c, string section, string reason, string word)
    {
        using var lab = new CpumapLab();

        Reply reply = lab.Load("p", BpfSource.Compile(c), section);

        Assert.True(reply.Fault is not null, what);
        Assert.Equal(reason, reply.Fault.Reason);
        Assert.Contains(word, reply.Fault.Fields.Single().Description, StringComparison.Ordinal);
        Assert.StartsWith("spec.elf.", reply.Fault.Fields.Single().Field, StringComparison.Ordinal);
        Assert.Empty(lab.Life.Resources.CpumapPrograms);
    }

    [Fact]
    public void Load_ByFunctionName_TakesThatProgram()
    {
        using var lab = new CpumapLab();
        byte[] elf = BpfSource.Compile(TwoPrograms);

        CpumapProgram loaded = CpumapLab.Checked(lab.Load("p", elf, "second")).CpumapProgram;
        lab.Create("m");
        lab.Update("m", 0, 64, CpumapLab.Named("p"));

        Assert.Equal(loaded.Status.ProgramId, lab.EntryOf("m", 0).ProgramId);
        Assert.False(loaded.Status.Frags);
        Assert.NotEqual(0u, loaded.Status.Instructions);
        Assert.Equal(64, loaded.Spec.Elf.Sha256.Length);
        Assert.Empty(loaded.Spec.Elf.File);
    }

    [Fact]
    public void Inventory_NotBrief_HasTheElfFile()
    {
        using var lab = new CpumapLab();
        byte[] elf = BpfSource.Compile(TwoPrograms);
        CpumapLab.Checked(lab.Load("p", elf, "first"));

        Reply full = lab.Life.Do(new Internal.V1.Command { GetInventory = new GetInventory() });
        Reply brief = lab.Life.Do(new Internal.V1.Command { GetInventory = new GetInventory { Brief = true } });

        Assert.Equal(elf, full.Inventory.CpumapPrograms.Single().Spec.Elf.File.ToByteArray());
        Assert.Empty(brief.Inventory.CpumapPrograms.Single().Spec.Elf.File);
    }

    [Fact]
    public void Unload_WhileAnEntryRunsIt_IsRefused()
    {
        using var lab = new CpumapLab();
        CpumapLab.Checked(lab.Load("p", BpfSource.Entry("return XDP_DROP;")));
        lab.Create("m");
        lab.Update("m", 1, 64, CpumapLab.Named("p"));

        Reply refused = lab.Unload("p");

        Assert.Equal("IN_USE", refused.Fault.Reason);
        Assert.Contains("m/1", refused.Fault.Message, StringComparison.Ordinal);
        lab.Update("m", 1, 64);
        CpumapLab.Checked(lab.Unload("p"));
        Assert.Equal("UNKNOWN_RESOURCE", lab.TryUpdate("m", 1, 64, CpumapLab.Named("p")).Fault.Reason);
    }

    // Case 94 and 88: what the kernel would call ENOMEM is named before it is asked.
    [Theory]
    [InlineData(false, "xdp.frags/cpumap")]
    [InlineData(true, "xdp/cpumap")]
    public void Update_FragsOfProgramAndMapDiffer_IsRefusedAndTheKernelWouldToo(bool mapFrags, string section)
    {
        using var lab = new CpumapLab();
        using Xdp.VethLab veth = Xdp.VethLab.Create();
        CpumapLab.Checked(lab.Load("p", BpfSource.Entry("return XDP_PASS;", section)));
        lab.Create("m", new CpumapSpec { Frags = mapFrags });
        lab.Update("m", 0, 64);
        using var owner = new CpumapFeed(veth, lab.MapOf("m"), 0, mapFrags);

        Reply reply = lab.TryUpdate("m", 0, 65, CpumapLab.Named("p"));
        var kernel = Assert.Throws<LinuxException>(
            () => lab.MapOf("m").UpdateCpumap(0, 65, lab.Life.Resources.CpumapProgram("p").Program));

        Assert.Equal("FRAGS_MISMATCH", reply.Fault.Reason);
        Assert.Contains(kernel.Errno, new[] { Errno.ENOMEM, Errno.EINVAL });
        Assert.Equal(64u, lab.EntryOf("m", 0).QueueSize);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void Update_EveryBuiltin_IsTakenByAMapOfItsKind(bool frags)
    {
        using var lab = new CpumapLab();
        using Xdp.VethLab veth = Xdp.VethLab.Create();
        lab.Create("m", new CpumapSpec { Frags = frags });
        using var owner = new CpumapFeed(veth, lab.MapOf("m"), 0, frags);

        foreach (BuiltinCpumapProgram which in new[] { BuiltinCpumapProgram.Pass, BuiltinCpumapProgram.Drop })
        {
            Assert.NotEqual(0u, lab.Update("m", 0, 64, CpumapLab.Builtin(which)).Entry.ProgramId);
        }
    }

    [Fact]
    public void Update_RedirectWhereItLeadsBack_IsRefused()
    {
        using var lab = new CpumapLab();
        using Xdp.VethLab veth = Xdp.VethLab.Create();
        lab.Create("m");
        lab.Kernel.Senders = new FeedsBack("m", veth.Ifindex);
        var program = new CpumapEntryProgram
        {
            Builtin = BuiltinCpumapProgram.Redirect,
            Redirect = new RedirectTarget
            {
                Interface = Xdp.VethLab.Device,
                NetworkNamespace = new V1.NetworkNamespace { Path = veth.Inner.Descriptor.OwnPath },
            },
        };

        Assert.Equal("REDIRECT_LOOP", lab.TryUpdate("m", 0, 64, program).Fault.Reason);
        lab.Kernel.Senders = new FeedsBack("other", veth.Ifindex);
        CpumapLab.Checked(lab.TryUpdate("m", 0, 64, program));
        Assert.True(lab.Kernel.RedirectsTo("m", veth.Inner, veth.Ifindex));
        Assert.False(lab.Kernel.RedirectsTo("m", veth.Outer, veth.Ifindex));
        program.Redirect.Interface = "nf-none";
        Assert.Equal("INTERFACE_NOT_FOUND", lab.TryUpdate("m", 0, 64, program).Fault.Reason);
    }

    [Fact]
    public void Delete_WhileASteeringNamesIt_IsRefused()
    {
        using var lab = new CpumapLab();
        lab.Create("m");
        lab.Kernel.Senders = new FeedsBack("m", 1);

        Reply reply = lab.Delete("m");

        Assert.Equal("IN_USE", reply.Fault.Reason);
        Assert.Contains("steering/s", reply.Fault.Message, StringComparison.Ordinal);
        Assert.Equal(["steering/s"], lab.StatusOf("m").UsedBy.Concat(lab.Life.Commands.KernelCpumaps.UsersOf(
            lab.Life.Resources.Cpumap("m"))).Distinct());
    }

    private static string Single(string section) =>
        $$"""SEC("{{section}}") int only(struct xdp_md *ctx) { return XDP_PASS; }""";

    private sealed class FeedsBack(string cpumap, int ifindex) : Nf.DataPlane.Cpumaps.ICpumapSenders
    {
        public IEnumerable<string> SteeringsInto(string name) => name == cpumap ? ["s"] : [];

        public IEnumerable<string> CpumapsFedBy(Linux.NetworkNamespace network, int index) =>
            index == ifindex ? [cpumap] : [];
    }
}
