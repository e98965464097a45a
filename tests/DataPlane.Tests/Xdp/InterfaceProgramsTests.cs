using System.Text.Json;
using Nf.DataPlane.Faults;
using Nf.DataPlane.Xdp;
using Nf.Linux;
using XdpMode = Nf.V1.XdpMode;
using XskSocketStatus = Nf.V1.XskSocketStatus;

namespace Nf.DataPlane.Tests.Xdp;

[Trait("Tier", "kernel")]
public sealed class InterfaceProgramsTests : IDisposable
{
    private readonly VethLab _lab = VethLab.Create();
    private readonly InterfacePrograms _programs = new(XdpAttachPreference.Link);

    public void Dispose()
    {
        _programs.Dispose();
        _lab.Dispose();
    }

    [Fact]
    public void Acquire_VethWithPeer_AttachesNativeByLink()
    {
        InterfaceProgram program = _programs.Acquire(_lab.Inner, _lab.Ifindex, XdpMode.Auto, needFrags: false);

        var status = new XskSocketStatus();
        program.Report(status);
        Assert.Equal(XdpMode.Native, status.XdpMode);
        Assert.Equal("", status.XdpModeReason);
        Assert.Equal("link", status.XdpAttachment);
        Assert.Equal(program.ProgramId, status.XdpProgramId);
        Assert.Equal(program.ProgramId, ProgramIdInside(_lab.Ifindex));
        Assert.True(program.IsAttached(out _));
    }

    [Fact]
    public void Acquire_FewerQueuesThanPeer_FallsBackToGenericAndSaysWhy()
    {
        _lab.AddPair("nfx2", "nfx3", rxQueues: 1, peerTxQueues: 2, number: 1);
        int ifindex = _lab.IfindexOf("nfx2");

        InterfaceProgram program = _programs.Acquire(_lab.Inner, ifindex, XdpMode.Auto, needFrags: false);

        Assert.Equal(XdpMode.Generic, program.Mode);
        Assert.StartsWith("driver: ENOSPC", program.ModeReason, StringComparison.Ordinal);
        var fault = Assert.Throws<CommandFaultException>(
            () => _programs.Acquire(_lab.Inner, ifindex, XdpMode.Native, needFrags: false));
        Assert.Equal("XDP_MODE_CONFLICT", fault.Reason);
    }

    [Fact]
    public void Acquire_NativeWhereDriverRefuses_FailsAndLeavesNothing()
    {
        _lab.AddPair("nfx2", "nfx3", rxQueues: 1, peerTxQueues: 2, number: 1);
        int ifindex = _lab.IfindexOf("nfx2");

        var fault = Assert.Throws<CommandFaultException>(
            () => _programs.Acquire(_lab.Inner, ifindex, XdpMode.Native, needFrags: false));

        Assert.Equal(("XDP_MODE_UNSUPPORTED", Errno.ENOSPC), (fault.Reason, fault.Errno));
        Assert.Contains("nfx2", fault.Message, StringComparison.Ordinal);
        Assert.Equal(0u, ProgramIdInside(ifindex));
        Assert.Empty(_programs.All);
    }

    [Fact]
    public void Acquire_UnknownIfindex_IsNotFound()
    {
        var fault = Assert.Throws<CommandFaultException>(
            () => _programs.Acquire(_lab.Inner, 4711, XdpMode.Auto, needFrags: false));

        Assert.Equal(("INTERFACE_NOT_FOUND", Errno.ENODEV), (fault.Reason, fault.Errno));
    }

    [Fact]
    public void Acquire_SecondSocketInAnotherMode_IsRefusedAndNamesBoth()
    {
        InterfaceProgram first = _programs.Acquire(_lab.Inner, _lab.Ifindex, XdpMode.Generic, needFrags: false);
        Assert.Same(first, _programs.Acquire(_lab.Inner, _lab.Ifindex, XdpMode.Auto, needFrags: false));

        var fault = Assert.Throws<CommandFaultException>(
            () => _programs.Acquire(_lab.Inner, _lab.Ifindex, XdpMode.Native, needFrags: false));

        Assert.Equal("XDP_MODE_CONFLICT", fault.Reason);
        Assert.Contains("NATIVE", fault.Message, StringComparison.Ordinal);
        Assert.Contains("GENERIC", fault.Message, StringComparison.Ordinal);
        Assert.Equal(2, first.UserCount);
    }

    [Fact]
    public void Release_LastSocketOnly_TakesProgramMapAndLinkWithIt()
    {
        InterfaceProgram program = _programs.Acquire(_lab.Inner, _lab.Ifindex, XdpMode.Auto, needFrags: false);
        _programs.Acquire(_lab.Inner, _lab.Ifindex, XdpMode.Auto, needFrags: true);
        KernelIds ids = KernelIds.Of(program);

        Assert.False(_programs.Release(program));
        Assert.Equal(program.ProgramId, ProgramIdInside(_lab.Ifindex));
        Assert.True(ids.Exist());

        Assert.True(_programs.Release(program));
        Assert.Equal(0u, ProgramIdInside(_lab.Ifindex));
        Assert.Empty(_programs.All);
        ids.AssertGone();
    }

    [Fact]
    public void Release_WhileKeeperHoldsTheLink_DetachesAllTheSame()
    {
        InterfaceProgram program = _programs.Acquire(_lab.Inner, _lab.Ifindex, XdpMode.Auto, needFrags: false);
        FileDescriptor[] kept = [.. program.Describe().Descriptors.Select(fd => fd.Duplicate())];

        _programs.Release(program);

        Assert.Equal(0u, ProgramIdInside(_lab.Ifindex));
        Array.ForEach(kept, fd => fd.Dispose());
    }

    [Fact]
    public void TwoInterfaces_HaveTwoProgramsAndMaps()
    {
        _lab.AddPair("nfx2", "nfx3", rxQueues: 1, peerTxQueues: 1, number: 1);
        int second = _lab.IfindexOf("nfx2");
        InterfaceProgram one = _programs.Acquire(_lab.Inner, _lab.Ifindex, XdpMode.Auto, needFrags: false);
        InterfaceProgram two = _programs.Acquire(_lab.Inner, second, XdpMode.Auto, needFrags: false);

        Assert.NotEqual(one.ProgramId, two.ProgramId);
        Assert.NotEqual(KernelIds.Of(one).Map, KernelIds.Of(two).Map);

        _programs.Release(one);
        Assert.Equal(0u, ProgramIdInside(_lab.Ifindex));
        Assert.Equal(two.ProgramId, ProgramIdInside(second));
    }

    [Fact]
    public void DeviceDeleted_IsReportedAndReleasedQuietly()
    {
        InterfaceProgram program = _programs.Acquire(_lab.Inner, _lab.Ifindex, XdpMode.Auto, needFrags: false);
        _lab.Inside($"link del {VethLab.Device}");

        Assert.False(program.IsAttached(out string whyNot));
        Assert.Contains("gone", whyNot, StringComparison.Ordinal);
        Assert.True(_programs.Release(program));
    }

    [Fact]
    public void DeviceReplacedUnderTheSameIndex_GetsAProgramOfItsOwn()
    {
        InterfaceProgram old = _programs.Acquire(_lab.Inner, _lab.Ifindex, XdpMode.Auto, needFrags: false);
        _lab.Inside($"link del {VethLab.Device}");
        _lab.Inside($"link add {VethLab.Device} index {_lab.Ifindex} type veth peer name other");

        Assert.False(old.IsAttached(out _));
        InterfaceProgram replacement = _programs.Acquire(_lab.Inner, _lab.Ifindex, XdpMode.Auto, needFrags: false);

        Assert.NotSame(old, replacement);
        _programs.Release(old);
        Assert.Equal(replacement.ProgramId, ProgramIdInside(_lab.Ifindex));
        Assert.Same(replacement, Assert.Single(_programs.All));
    }

    [Theory]
    [InlineData(XdpAttachPreference.Link, false)]
    [InlineData(XdpAttachPreference.Netlink, true)]
    internal void DeviceMovedToAnotherNamespace_IsReportedAndReleasedQuietly(
        XdpAttachPreference preference, bool programStays)
    {
        using var programs = new InterfacePrograms(preference);
        InterfaceProgram program = programs.Acquire(_lab.Inner, _lab.Ifindex, XdpMode.Auto, needFrags: false);
        _lab.Inside($"link set {VethLab.Device} netns {_lab.OuterName}");

        Assert.False(program.IsAttached(out string whyNot));
        Assert.Contains("gone", whyNot, StringComparison.Ordinal);
        Assert.True(programs.Release(program));

        // A link knows its device wherever it is; netlink knows only names of its own namespace.
        using JsonDocument links = JsonDocument.Parse(_lab.Outside($"-j -d link show {VethLab.Device}"));
        Assert.Equal(programStays, links.RootElement[0].TryGetProperty("xdp", out _));
    }

    [Fact]
    public void SetSocket_QueueBeyondTheInterface_IsRefused()
    {
        InterfaceProgram program = _programs.Acquire(_lab.Inner, _lab.Ifindex, XdpMode.Auto, needFrags: false);
        using CountingSocket socket = CountingSocket.Bind(_lab.Inner, _lab.Ifindex, 0);

        var fault = Assert.Throws<CommandFaultException>(
            () => program.SetSocket(program.QueueCountMax, socket.Socket));

        Assert.Equal("QUEUE_OUT_OF_RANGE", fault.Reason);
    }

    private uint ProgramIdInside(int ifindex) =>
        _lab.Inner.Run(() => XdpAttachment.QueryProgramId(ifindex, Linux.XdpMode.Auto));
}
