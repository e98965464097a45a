using Nf.Linux;
using XdpMode = Nf.V1.XdpMode;

namespace Nf.DataPlane.Xdp;

/// <summary>How a program came to be attached.</summary>
/// <param name="Link">The link; none when it is attached by netlink.</param>
/// <param name="Mode">NATIVE or GENERIC.</param>
/// <param name="ModeReason">Why not in the driver where that was tried first; empty otherwise.</param>
internal readonly record struct GrantedAttachment(BpfLink? Link, XdpMode Mode, string ModeReason);

/// <summary>
/// Puts a program on an interface, never over another one: into the driver first and else into the generic hook, by BPF
/// link first and else by netlink.
/// </summary>
internal sealed class XdpAttacher(InterfaceTarget target, XdpAttachPreference preference)
{
    /// <summary>Attaches by link; a test of older kernels has its own.</summary>
    internal Func<InterfaceTarget, BpfProgram, XdpMode, BpfLink> AttachByLink { get; init; } = XdpHook.AttachByLink;

    /// <param name="program">What to attach.</param>
    /// <param name="mode">NATIVE and GENERIC are tried alone; anything else means the driver first.</param>
    /// <exception cref="CommandFaultException">As <see cref="InterfacePrograms.Acquire"/> lists.</exception>
    internal GrantedAttachment Attach(BpfProgram program, XdpMode mode)
    {
        string reason = "";
        if (mode != XdpMode.Generic)
        {
            try
            {
                return new GrantedAttachment(AttachOnce(program, XdpMode.Native), XdpMode.Native, "");
            }
            catch (LinuxException refusal) when (mode != XdpMode.Native && IsRefusalOfDriver(refusal.Errno))
            {
                reason = $"driver: {refusal.Errno}{XdpFaults.Explain(refusal.Errno)}";
            }
            catch (LinuxException failure)
            {
                throw XdpFaults.FromAttach(target, XdpMode.Native, failure);
            }
        }

        try
        {
            return new GrantedAttachment(AttachOnce(program, XdpMode.Generic), XdpMode.Generic, reason);
        }
        catch (LinuxException failure)
        {
            throw XdpFaults.FromAttach(target, XdpMode.Generic, failure);
        }
    }

    // Everything but what says "not ours to take" or "not allowed": drivers use many numbers for "I cannot".
    private static bool IsRefusalOfDriver(Errno errno) =>
        errno is not (Errno.EBUSY or Errno.EEXIST or Errno.EPERM or Errno.ENODEV or Errno.EMFILE or Errno.ENFILE);

    private BpfLink? AttachOnce(BpfProgram program, XdpMode mode)
    {
        if (preference == XdpAttachPreference.Link)
        {
            try
            {
                return AttachByLink(target, program, mode);
            }
            catch (LinuxException failure) when (failure.Errno == Errno.EINVAL)
            {
                // Kernels without links for XDP answer EINVAL, but so do drivers that cannot: netlink tells which.
            }
        }

        XdpHook.AttachByNetlink(target, program, mode);
        return null;
    }
}
