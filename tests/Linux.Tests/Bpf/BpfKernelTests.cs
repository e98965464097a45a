using Nf.Linux.Tests.Support;

namespace Nf.Linux.Tests.Bpf;

[Trait("Tier", "kernel")]
public class BpfKernelTests
{
    private static readonly byte[] Frame = [.. Enumerable.Repeat((byte)0xff, 12), 0x88, 0xb5, .. new byte[50]];

    [KernelFact]
    public void Load_Standard_HasItsProgramsAndMaps()
    {
        using BpfObject loaded = StandardPrograms.Load();
        Assert.Contains("to_socket", loaded.Programs.Keys);
        BpfProgram program = loaded.Programs["fixed_verdict"];
        Assert.Equal(("fixed_verdict", LinuxBpf.BPF_PROG_TYPE_XDP), (program.Name, program.Type));
        Assert.NotEqual(0u, program.Id);
        BpfMap sockets = loaded.Maps["sockets"];
        Assert.Equal(
            (LinuxBpf.BPF_MAP_TYPE_XSKMAP, 4, 4, 4u),
            (sockets.Type, sockets.KeySizeBytes, sockets.ValueSizeBytes, sockets.MaxEntries));
    }

    [KernelFact]
    public void Load_Configured_MaxEntriesAutoloadAndConstantsTakeEffect()
    {
        using BpfObject loaded = BpfObject.Load(BpfSource.Standard, "configured", settings =>
        {
            settings.SetMaxEntries("sockets", 64);
            settings.SetAutoload("to_socket_frags", false);
            settings.SetReadOnlyData(new ProgramSettings(LinuxBpf.XDP_TX, LinuxBpf.XDP_DROP));
        });
        Assert.Equal(64u, loaded.Maps["sockets"].MaxEntries);
        Assert.DoesNotContain("to_socket_frags", loaded.Programs.Keys);
        Assert.Equal(LinuxBpf.XDP_TX, BpfProgRun.Run(loaded.Programs["fixed_verdict"], Frame).Verdict);
    }

    [KernelFact]
    public void Load_UnknownNamesOrWrongSize_AreNamed()
    {
        AssertRefused("no map nothing", settings => settings.SetMaxEntries("nothing", 1));
        AssertRefused("no program nothing", settings => settings.SetAutoload("nothing", true));
        AssertRefused("has 8 bytes, not 4", settings => settings.SetReadOnlyData(1));
    }

    [KernelFact]
    public void Load_ReusedMap_IsTheSameMap()
    {
        using BpfObject first = StandardPrograms.Load();
        BpfMap sockets = first.Maps["sockets"];
        using BpfObject second = BpfObject.Load(
            BpfSource.Standard, "second", settings => settings.ReuseMap("sockets", sockets));
        Assert.Equal(sockets.Id, second.Maps["sockets"].Id);
        Assert.NotEqual(first.Maps["packets"].Id, second.Maps["packets"].Id);
    }

    [KernelFact]
    public void Load_ProgramTheVerifierRefuses_HasItsLog()
    {
        byte[] elf = BpfSource.Compile("""
            #include <linux/bpf.h>
            #include <bpf/bpf_helpers.h>
            SEC("xdp") int reads_too_far(struct xdp_md *ctx) { return *(char *)(long)ctx->data; }
            char _license[] SEC("license") = "GPL";
            """);
        var error = Assert.Throws<BpfLoadException>(() => BpfObject.Load(elf, "bad"));
        Assert.Equal(Errno.EACCES, error.Errno);
        Assert.Contains("invalid access to packet", error.VerifierLog, StringComparison.Ordinal);
        Assert.Contains("reads_too_far", error.Messages, StringComparison.Ordinal);
        Assert.Contains("invalid access to packet", error.Message, StringComparison.Ordinal);
    }

    [KernelFact]
    public void Load_NotAnObject_Throws() =>
        Assert.Throws<BpfLoadException>(() => BpfObject.Load("no elf at all"u8, "text"));

    [KernelFact]
    public void Load_ThenDispose_LeavesNoDescriptor() =>
        OpenDescriptors.AssertNoLeak(() => StandardPrograms.Load().Dispose());

    [KernelFact]
    public void Load_Refused_LeavesNoDescriptor() => OpenDescriptors.AssertNoLeak(
        () => Assert.Throws<ArgumentException>(() => BpfObject.Load(
            BpfSource.Standard, "refused", settings => settings.SetMaxEntries("nothing", 1))));

    [KernelFact]
    public void Map_PerCpuArray_LookupHasOneValuePerCpu()
    {
        using BpfObject loaded = StandardPrograms.Load();
        BpfMap packets = loaded.Maps["packets"];
        Assert.Equal(8 * BpfMap.PossibleCpuCount, packets.BufferSizeBytes);
        BpfProgRun.Run(loaded.Programs["fixed_verdict"], Frame, repeat: 5);
        byte[] values = new byte[packets.BufferSizeBytes];
        Assert.True(packets.TryLookup(new byte[4], values));
        Assert.Equal(5, Enumerable.Range(0, BpfMap.PossibleCpuCount).Sum(cpu => BitConverter.ToInt64(values, cpu * 8)));
        Assert.Throws<ArgumentException>(() => packets.TryLookup(new byte[4], new byte[8]));
        Assert.Throws<ArgumentException>(() => packets.Update(0ul, 0ul));
    }

    [KernelFact]
    public void Map_Hash_UpdateLookupIterateDelete()
    {
        using BpfMap map = BpfMap.Create(LinuxBpf.BPF_MAP_TYPE_HASH, "a_name_cut_to_fit", 4, 8, 10);
        Assert.Equal("a_name_cut_to_f", map.Name);
        map.Update(1u, 100ul);
        map.Update(2u, 200ul, LinuxBpf.BPF_NOEXIST);
        Assert.Equal(
            Errno.EEXIST, Assert.Throws<LinuxException>(() => map.Update(2u, 0ul, LinuxBpf.BPF_NOEXIST)).Errno);
        Assert.True(map.TryLookup(2u, out ulong value));
        Assert.Equal(200ul, value);
        uint first = map.NextKey<uint>(null)!.Value;
        uint second = map.NextKey<uint>(first)!.Value;
        Assert.Equal([1u, 2u], new[] { first, second }.Order());
        Assert.Null(map.NextKey<uint>(second));
        Assert.True(map.Delete(1u));
        Assert.False(map.Delete(1u));
        Assert.False(map.TryLookup(1u, out ulong _));
    }

    [KernelFact]
    public void Descriptors_OverSeqPacket_AreUsableAsProgramMapAndLink()
    {
        using var space = new TestNamespace();
        var pair = new VethPair(space);
        using BpfObject loaded = StandardPrograms.Load();
        using BpfLink link = space.Run(
            () => BpfLink.AttachXdp(loaded.Programs["fixed_verdict"], pair.FirstIfindex, XdpMode.Native));
        (SeqPacketSocket first, SeqPacketSocket second) = SeqPacketSocket.SocketPair();
        using (first)
        using (second)
        {
            first.Send(
                [1],
                [loaded.Programs["to_socket"].Descriptor, loaded.Maps["sockets"].Descriptor, link.Descriptor]);
            var received = new List<FileDescriptor>();
            second.Receive(new byte[1], out _, received);

            using var program = new BpfProgram(received[0]);
            using var map = new BpfMap(received[1]);
            using var adopted = new BpfLink(received[2]);
            Assert.Equal("to_socket", program.Name);
            Assert.Equal(loaded.Maps["sockets"].Id, map.Id);
            Assert.Equal(pair.FirstIfindex, adopted.XdpIfindex);
            adopted.Update(program);
            Assert.Equal(program.Id, link.ProgramId);
            Assert.Throws<ArgumentException>(() => new BpfProgram(received[1]));
            Assert.Throws<ArgumentException>(() => new BpfMap(received[2]));
        }
    }

    private static void AssertRefused(string reason, ConfigureBpfObject configure)
    {
        var error = Assert.Throws<ArgumentException>(() => BpfObject.Load(BpfSource.Standard, "refused", configure));
        Assert.Contains(reason, error.Message, StringComparison.Ordinal);
    }
}
