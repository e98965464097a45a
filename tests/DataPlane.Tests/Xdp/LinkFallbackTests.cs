using Nf.DataPlane.Faults;
using Nf.DataPlane.Xdp;
using Nf.Linux;
using XdpMode = Nf.V1.XdpMode;

namespace Nf.DataPlane.Tests.Xdp;

/// <summary>A kernel before 5.9: BPF_LINK_CREATE knows no XDP and answers EINVAL. The rest is the one here.</summary>
[Trait("Tier", "kernel")]
public sealed class LinkFallbackTests : IDisposable
{
    private readonly VethLab _lab = VethLab.Create();
    private readonly BpfProgram _program;
    private readonly BpfMap _map;

    public LinkFallbackTests() => (_program, _map) = RedirectObject.Load(frags: false, queueCountMax: 1);

    public void Dispose()
    {
        _program.Dispose();
        _map.Dispose();
        _lab.Dispose();
    }

    [Theory]
    [InlineData(nameof(XdpMode.Auto), nameof(XdpMode.Native))]
    [InlineData(nameof(XdpMode.Native), nameof(XdpMode.Native))]
    [InlineData(nameof(XdpMode.Generic), nameof(XdpMode.Generic))]
    public void Attach_NoLinksForXdp_UsesNetlink(string asked, string granted)
    {
        Assert.Equal(
            new GrantedAttachment(null, Enum.Parse<XdpMode>(granted), ""),
            Attacher(VethLab.Device).Attach(_program, Enum.Parse<XdpMode>(asked)));

        Assert.Equal(_program.Id, PresentId(VethLab.Device));
    }

    [Fact]
    public void Attach_NoLinksAndADriverThatRefuses_UsesNetlinkInTheGenericHookAndSaysWhy()
    {
        _lab.AddPair("nfx2", "nfx3", rxQueues: 1, peerTxQueues: 2, number: 1);

        GrantedAttachment granted = Attacher("nfx2").Attach(_program, XdpMode.Auto);

        Assert.Equal((null, XdpMode.Generic), (granted.Link, granted.Mode));
        Assert.StartsWith("driver: ENOSPC", granted.ModeReason, StringComparison.Ordinal);
        Assert.Equal(_program.Id, PresentId("nfx2"));
    }

    [Fact]
    public void Attach_NoLinksAndAForeignProgram_LeavesItAlone()
    {
        (BpfProgram foreign, BpfMap map) = RedirectObject.Load(frags: false, queueCountMax: 1);
        _lab.Inner.Run(() => XdpAttachment.Attach(foreign, _lab.Ifindex, Linux.XdpMode.Native));

        var fault = Assert.Throws<CommandFaultException>(
            () => Attacher(VethLab.Device).Attach(_program, XdpMode.Auto));

        Assert.Equal("FOREIGN_XDP_PROGRAM", fault.Reason);
        Assert.Equal(foreign.Id, PresentId(VethLab.Device));
        foreign.Dispose();
        map.Dispose();
    }

    [Fact]
    public void Attach_LinkFailsForAnotherReason_DoesNotTryNetlink()
    {
        XdpAttacher attacher = Attacher(VethLab.Device, Errno.EPERM);

        var fault = Assert.Throws<CommandFaultException>(() => attacher.Attach(_program, XdpMode.Auto));

        Assert.Equal("CAPABILITY_MISSING", fault.Reason);
        Assert.Equal(0u, PresentId(VethLab.Device));
    }

    private XdpAttacher Attacher(string device, Errno refusal = Errno.EINVAL) =>
        new(new InterfaceTarget(_lab.Inner, _lab.IfindexOf(device), device), XdpAttachPreference.Link)
        {
            AttachByLink = (_, _, _) => throw new LinuxException("bpf(BPF_LINK_CREATE)", refusal),
        };

    private uint PresentId(string device)
    {
        int ifindex = _lab.IfindexOf(device);
        return _lab.Inner.Run(() => XdpAttachment.QueryProgramId(ifindex, Linux.XdpMode.Auto));
    }
}
