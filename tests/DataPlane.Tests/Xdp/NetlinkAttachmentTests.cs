using Nf.DataPlane.Xdp;
using Nf.Linux;
using XdpMode = Nf.V1.XdpMode;

namespace Nf.DataPlane.Tests.Xdp;

[Trait("Tier", "kernel")]
public sealed class NetlinkAttachmentTests : IDisposable
{
    private readonly VethLab _lab = VethLab.Create();
    private readonly InterfacePrograms _programs = new(XdpAttachPreference.Netlink);

    public void Dispose()
    {
        _programs.Dispose();
        _lab.Dispose();
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void AcquireAndRelease_ByNetlink_LeaveNothing(bool native)
    {
        XdpMode mode = native ? XdpMode.Native : XdpMode.Generic;

        InterfaceProgram program = _programs.Acquire(_lab.Inner, _lab.Ifindex, mode, needFrags: false);

        Assert.Equal(("netlink", mode), (program.Attachment, program.Mode));
        Assert.Equal(program.ProgramId, PresentId());
        KernelIds ids = KernelIds.Of(program);
        Assert.True(_programs.Release(program));
        Assert.Equal(0u, PresentId());
        ids.AssertGone();
    }

    [Fact]
    public void Acquire_ScatterGatherLater_ReplacesInPlace()
    {
        InterfaceProgram program = _programs.Acquire(_lab.Inner, _lab.Ifindex, XdpMode.Auto, needFrags: false);
        uint plain = program.ProgramId;

        _programs.Acquire(_lab.Inner, _lab.Ifindex, XdpMode.Auto, needFrags: true);

        Assert.True(program.Frags);
        Assert.NotEqual(plain, program.ProgramId);
        Assert.Equal(program.ProgramId, PresentId());
    }

    [Fact]
    public void Adopt_InAnotherLife_ContinuesAndDetaches()
    {
        InterfaceProgram program = _programs.Acquire(_lab.Inner, _lab.Ifindex, XdpMode.Auto, needFrags: false);
        (byte[] metadata, FileDescriptor[] descriptors) = program.Describe();
        FileDescriptor[] kept = [.. descriptors.Select(fd => fd.Duplicate())];
        _programs.Dispose();
        Assert.Equal(program.ProgramId, PresentId());

        using var next = new InterfacePrograms(XdpAttachPreference.Link);
        InterfaceProgram adopted = next.Adopt(metadata, kept);
        Assert.Same(adopted, next.Acquire(_lab.Inner, _lab.Ifindex, XdpMode.Auto, needFrags: false));

        Assert.Equal("netlink", adopted.Attachment);
        Assert.True(next.Release(adopted));
        Assert.Equal(0u, PresentId());
    }

    private uint PresentId() =>
        _lab.Inner.Run(() => XdpAttachment.QueryProgramId(_lab.Ifindex, Linux.XdpMode.Auto));
}
