using Nf.Linux.Tests.Support;
using static Nf.Linux.Tests.Xdp.UmemRegistrationKernelTests;

namespace Nf.Linux.Tests.Bpf;

/// <summary>Attaching, replacing and finding XDP programs.</summary>
[Trait("Tier", "kernel")]
public class XdpAttachKernelTests
{
    [KernelTheory]
    [InlineData(XdpMode.Native, XdpAttached.Native)]
    [InlineData(XdpMode.Generic, XdpAttached.Generic)]
    [InlineData(XdpMode.Auto, XdpAttached.Native)]
    public void Link_Attached_IsSeenByNetlinkAndEndsWithDispose(XdpMode mode, XdpAttached expected)
    {
        using var bench = new XskBench();
        BpfProgram program = bench.Programs.Programs["to_socket"];
        using (BpfLink link = Link(bench, program, mode))
        {
            LinkInfo info = Find(bench);
            Assert.Equal((expected, program.Id), (info.XdpAttached, info.XdpProgramId));
            Assert.Equal((bench.Pair.SecondIfindex, program.Id), (link.XdpIfindex, link.ProgramId));
            Assert.Equal(
                program.Id,
                bench.Space.Run(() => XdpAttachment.QueryProgramId(bench.Pair.SecondIfindex, XdpMode.Auto)));
        }

        Wait.Until(() => Find(bench).XdpAttached == XdpAttached.None, "detached with the last descriptor");
    }

    [KernelFact]
    public void Link_OtherModeActive_IsEexist()
    {
        using var bench = new XskBench();
        bench.Attach("to_socket");
        Assert.Equal(
            Errno.EEXIST, ErrnoOf(() => Link(bench, bench.Programs.Programs["to_socket"], XdpMode.Generic).Dispose()));
    }

    [KernelFact]
    public void Link_OverNetlinkProgram_IsEbusyAndTheOtherWayRoundToo()
    {
        using var bench = new XskBench();
        BpfProgram first = bench.Programs.Programs["to_socket"];
        BpfProgram second = bench.Programs.Programs["fixed_verdict"];
        int ifindex = bench.Pair.SecondIfindex;
        bench.Space.Run(() => XdpAttachment.Attach(first, ifindex, XdpMode.Native));
        Assert.Equal(Errno.EBUSY, ErrnoOf(() => Link(bench, second, XdpMode.Native).Dispose()));
        bench.Space.Run(() => XdpAttachment.Detach(first, ifindex, XdpMode.Native));

        using BpfLink link = Link(bench, second, XdpMode.Native);
        Assert.Equal(
            Errno.EBUSY,
            bench.Space.Run(() => ErrnoOf(() => XdpAttachment.Attach(first, ifindex, XdpMode.Native))));
        Assert.Equal(
            Errno.EBUSY,
            bench.Space.Run(() => ErrnoOf(() => XdpAttachment.Detach(second, ifindex, XdpMode.Native))));
    }

    [KernelFact]
    public void Netlink_AttachReplaceDetach_OnlyOverTheProgramExpected()
    {
        using var bench = new XskBench();
        BpfProgram first = bench.Programs.Programs["to_socket"];
        BpfProgram second = bench.Programs.Programs["fixed_verdict"];
        int ifindex = bench.Pair.SecondIfindex;
        bench.Space.Run(() =>
        {
            XdpAttachment.Attach(first, ifindex, XdpMode.Native);
            Assert.Equal(Errno.EBUSY, ErrnoOf(() => XdpAttachment.Attach(second, ifindex, XdpMode.Native)));
            Assert.Equal(Errno.EEXIST, ErrnoOf(() => XdpAttachment.Replace(second, second, ifindex, XdpMode.Native)));
            XdpAttachment.Replace(second, first, ifindex, XdpMode.Native);
            Assert.Equal(second.Id, XdpAttachment.QueryProgramId(ifindex, XdpMode.Native));
            Assert.Equal(Errno.EEXIST, ErrnoOf(() => XdpAttachment.Detach(first, ifindex, XdpMode.Native)));
            XdpAttachment.Detach(second, ifindex, XdpMode.Native);
            Assert.Equal(0u, XdpAttachment.QueryProgramId(ifindex, XdpMode.Auto));
            Assert.Equal(Errno.ENODEV, ErrnoOf(() => XdpAttachment.Attach(first, 99999, XdpMode.Native)));
        });
    }

    [KernelFact]
    public void LinkUpdate_ExpectedProgramIsNotTheOne_IsEperm()
    {
        using var bench = new XskBench();
        BpfProgram first = bench.Programs.Programs["to_socket"];
        BpfProgram second = bench.Programs.Programs["fixed_verdict"];
        using BpfLink link = Link(bench, first, XdpMode.Native);
        Assert.Equal(Errno.EPERM, ErrnoOf(() => link.Update(second, expected: second)));
        Assert.Equal(first.Id, link.ProgramId);
        link.Update(second, expected: first);
        Assert.Equal(second.Id, link.ProgramId);
    }

    [KernelFact]
    public void Link_DetachedOrDeviceGone_IsDeadButOpen()
    {
        using var bench = new XskBench();
        BpfProgram program = bench.Programs.Programs["to_socket"];
        using BpfLink detached = Link(bench, program, XdpMode.Native);
        detached.Detach();
        Assert.Equal(0, detached.XdpIfindex);
        Assert.Equal(Errno.ENOLINK, ErrnoOf(() => detached.Update(program)));
        using BpfLink next = Link(bench, program, XdpMode.Native);
        bench.Space.Ip("link del va");
        Assert.Equal(Errno.ENOLINK, ErrnoOf(() => next.Update(program)));
    }

    [KernelFact]
    public void Link_Pinned_OutlivesEveryDescriptor()
    {
        using var bench = new XskBench();
        uint id;
        using (var files = new BpfFileSystem())
        {
            using (BpfLink link = Link(bench, bench.Programs.Programs["to_socket"], XdpMode.Native))
            {
                link.Pin(files.File("link"));
                id = link.Id;
            }

            Assert.Equal(XdpAttached.Native, Find(bench).XdpAttached);
            using BpfLink again = BpfLink.OpenPinned(files.File("link"));
            Assert.Equal(id, again.Id);
        }

        Wait.Until(() => Find(bench).XdpAttached == XdpAttached.None, "detached with the pin");
    }

    [KernelFact]
    public void Link_DriverWithoutXdp_NativeIsRefusedAndGenericWorks()
    {
        using var bench = new XskBench();
        BpfProgram program = bench.Programs.Programs["to_socket"];
        bench.Space.Run(() =>
        {
            Assert.Equal(Errno.EOPNOTSUPP, ErrnoOf(() => BpfLink.AttachXdp(program, 1, XdpMode.Native)));
            BpfLink.AttachXdp(program, 1, XdpMode.Auto).Dispose();
            Assert.Equal(Errno.EINVAL, ErrnoOf(() => BpfLink.AttachXdp(program, 99999, XdpMode.Native)));
        });
    }

    [KernelFact]
    public void Link_PeerHasMoreTxQueuesThanWeRxQueues_IsEnospcAndGenericWorks()
    {
        using var bench = new XskBench(queues: 2);
        bench.Space.Run(() =>
        {
            using var ethtool = new Ethtool();
            ethtool.SetChannels("vb", 1, 1, 0);
        });
        BpfProgram program = bench.Programs.Programs["to_socket"];
        Assert.Equal(Errno.ENOSPC, ErrnoOf(() => Link(bench, program, XdpMode.Native).Dispose()));
        Link(bench, program, XdpMode.Generic).Dispose();
    }

    [KernelFact]
    public void Load_SecondProgramDiffersInFragsFromTheMapsOwner_IsEinval()
    {
        byte[] elf = BpfSource.Compile("""
            #include <linux/bpf.h>
            #include <bpf/bpf_helpers.h>
            struct {
                __uint(type, BPF_MAP_TYPE_CPUMAP);
                __uint(max_entries, 2);
                __type(key, __u32);
                __type(value, struct bpf_cpumap_val);
            } cpus SEC(".maps");
            SEC("xdp") int plain(struct xdp_md *ctx) { return bpf_redirect_map(&cpus, 0, 0); }
            SEC("xdp.frags") int frags(struct xdp_md *ctx) { return bpf_redirect_map(&cpus, 1, 0); }
            char _license[] SEC("license") = "GPL";
            """);
        Assert.Equal(Errno.EINVAL, Assert.Throws<BpfLoadException>(() => BpfObject.Load(elf, "mixed")).Errno);
        BpfObject.Load(elf, "one", settings => settings.SetAutoload("frags", false)).Dispose();
    }

    private static BpfLink Link(XskBench bench, BpfProgram program, XdpMode mode) =>
        bench.Space.Run(() => BpfLink.AttachXdp(program, bench.Pair.SecondIfindex, mode));

    private static LinkInfo Find(XskBench bench) => bench.Space.Run(() =>
    {
        using var route = new RouteNetlink();
        return route.FindLink(bench.Pair.SecondIfindex)!;
    });
}
