using Nf.Linux;
using XdpMode = Nf.V1.XdpMode;

namespace Nf.DataPlane.Xdp;

/// <summary>
/// The kernel's calls about the XDP program of an interface, made in the interface's network namespace.
/// </summary>
internal static class XdpHook
{
    /// <summary>The same mode in the word of the bindings.</summary>
    internal static Linux.XdpMode ToLinux(XdpMode mode) => mode switch
    {
        XdpMode.Native => Linux.XdpMode.Native,
        XdpMode.Generic => Linux.XdpMode.Generic,
        _ => throw new ArgumentOutOfRangeException(nameof(mode), mode, "a mode that was granted is expected"),
    };

    /// <summary>Which programs the interface has.</summary>
    /// <exception cref="LinuxException">ENODEV when there is no such interface.</exception>
    internal static XdpState Query(InterfaceTarget target) => target.Network.Run(() =>
    {
        using var netlink = new RouteNetlink();
        LinkInfo link = netlink.FindLink(target.Ifindex)
            ?? throw new LinuxException($"RTM_GETLINK(ifindex {target.Ifindex})", Errno.ENODEV);
        return link.XdpAttached switch
        {
            XdpAttached.None => default,
            XdpAttached.Native => new XdpState(link.XdpProgramId, 0, 0),
            XdpAttached.Generic => new XdpState(0, link.XdpProgramId, 0),
            XdpAttached.Hardware => new XdpState(0, 0, link.XdpProgramId),
            _ => new XdpState(
                XdpAttachment.QueryProgramId(target.Ifindex, Linux.XdpMode.Native),
                XdpAttachment.QueryProgramId(target.Ifindex, Linux.XdpMode.Generic),
                0),
        };
    });

    /// <summary>The same for messages: nothing when it cannot be told.</summary>
    internal static XdpState TryQuery(InterfaceTarget target)
    {
        try
        {
            return Query(target);
        }
        catch (LinuxException)
        {
            return default;
        }
    }

    /// <summary>Attaches by link, never over another program.</summary>
    internal static BpfLink AttachByLink(InterfaceTarget target, BpfProgram program, XdpMode mode) =>
        target.Network.Run(() => BpfLink.AttachXdp(program, target.Ifindex, ToLinux(mode)));

    /// <summary>Attaches by netlink, never over another program.</summary>
    internal static void AttachByNetlink(InterfaceTarget target, BpfProgram program, XdpMode mode) =>
        target.Network.Run(() => XdpAttachment.Attach(program, target.Ifindex, ToLinux(mode)));

    /// <summary>Replaces a program of ours; EEXIST when it is not there any more.</summary>
    internal static void ReplaceByNetlink(
        InterfaceTarget target, BpfProgram program, BpfProgram expected, XdpMode mode) => target.Network.Run(
            () => XdpAttachment.Replace(program, expected, target.Ifindex, ToLinux(mode)));

    /// <summary>Detaches a program of ours; EEXIST or EBUSY when somebody else's has taken its place.</summary>
    internal static void DetachByNetlink(InterfaceTarget target, BpfProgram expected, XdpMode mode) =>
        target.Network.Run(() => XdpAttachment.Detach(expected, target.Ifindex, ToLinux(mode)));
}
