using Nf.DataPlane.Faults;
using Nf.DataPlane.Xdp;
using Nf.Linux;
using XdpMode = Nf.V1.XdpMode;

namespace Nf.DataPlane.Tests.Xdp;

/// <summary>Programs of somebody else on the interface: never replaced, never detached.</summary>
[Trait("Tier", "kernel")]
public sealed class ForeignProgramTests : IDisposable
{
    private readonly VethLab _lab = VethLab.Create();
    private readonly BpfProgram _foreign;

    public ForeignProgramTests()
    {
        (_foreign, BpfMap map) = RedirectObject.Load(frags: false, queueCountMax: 1);
        map.Dispose();
    }

    public static TheoryData<bool, bool, bool> Cases()
    {
        var cases = new TheoryData<bool, bool, bool>();
        foreach (bool foreignByLink in new[] { true, false })
        {
            foreach (bool foreignNative in new[] { true, false })
            {
                cases.Add(foreignByLink, foreignNative, true);
                cases.Add(foreignByLink, foreignNative, false);
            }
        }

        return cases;
    }

    public void Dispose()
    {
        _foreign.Dispose();
        _lab.Dispose();
    }

    [Theory]
    [MemberData(nameof(Cases))]
    public void Acquire_ForeignProgramPresent_IsRefusedAndNamesIt(
        bool foreignByLink, bool foreignNative, bool oursByLink)
    {
        using BpfLink? link = AttachForeign(foreignByLink, foreignNative);
        using var programs = new InterfacePrograms(oursByLink ? XdpAttachPreference.Link : XdpAttachPreference.Netlink);

        foreach (XdpMode mode in new[] { XdpMode.Auto, XdpMode.Native, XdpMode.Generic })
        {
            var fault = Assert.Throws<CommandFaultException>(
                () => programs.Acquire(_lab.Inner, _lab.Ifindex, mode, needFrags: false));
            Assert.Equal(("FOREIGN_XDP_PROGRAM", Errno.EBUSY), (fault.Reason, fault.Errno));
            Assert.Contains(
                $"{_foreign.Id} ({(foreignNative ? "native" : "generic")})", fault.Message, StringComparison.Ordinal);
        }

        Assert.Equal(_foreign.Id, PresentId());
        Assert.Empty(programs.All);
    }

    [Fact]
    public void Release_AfterNetlinkReplacementBySomebodyElse_LeavesTheirs()
    {
        using var programs = new InterfacePrograms(XdpAttachPreference.Netlink);
        InterfaceProgram ours = programs.Acquire(_lab.Inner, _lab.Ifindex, XdpMode.Auto, needFrags: false);
        using var program = new BpfProgram(ours.Describe().Descriptors[0].Duplicate());
        _lab.Inner.Run(() => XdpAttachment.Replace(_foreign, program, _lab.Ifindex, Linux.XdpMode.Native));

        Assert.False(ours.IsAttached(out string whyNot));
        Assert.Contains($"{_foreign.Id} (native)", whyNot, StringComparison.Ordinal);
        Assert.True(programs.Release(ours));
        Assert.Equal(_foreign.Id, PresentId());
    }

    [Fact]
    public void Require_FragsAfterNetlinkReplacementBySomebodyElse_IsRefused()
    {
        using var programs = new InterfacePrograms(XdpAttachPreference.Netlink);
        InterfaceProgram ours = programs.Acquire(_lab.Inner, _lab.Ifindex, XdpMode.Auto, needFrags: false);
        using var program = new BpfProgram(ours.Describe().Descriptors[0].Duplicate());
        _lab.Inner.Run(() => XdpAttachment.Replace(_foreign, program, _lab.Ifindex, Linux.XdpMode.Native));

        var fault = Assert.Throws<CommandFaultException>(() => ours.Require(XdpMode.Auto, needFrags: true));

        Assert.Equal("FOREIGN_XDP_PROGRAM", fault.Reason);
        Assert.False(ours.Frags);
        Assert.Equal(_foreign.Id, PresentId());
    }

    private BpfLink? AttachForeign(bool byLink, bool native)
    {
        Linux.XdpMode mode = native ? Linux.XdpMode.Native : Linux.XdpMode.Generic;
        return _lab.Inner.Run(() =>
        {
            if (byLink)
            {
                return BpfLink.AttachXdp(_foreign, _lab.Ifindex, mode);
            }

            XdpAttachment.Attach(_foreign, _lab.Ifindex, mode);
            return null;
        });
    }

    private uint PresentId() =>
        _lab.Inner.Run(() => XdpAttachment.QueryProgramId(_lab.Ifindex, Linux.XdpMode.Auto));
}
