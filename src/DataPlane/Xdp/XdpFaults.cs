using Nf.Linux;
using XdpMode = Nf.V1.XdpMode;

namespace Nf.DataPlane.Xdp;

/// <summary>Turns the kernel's refusals around XDP programs into faults that say what to do about them.</summary>
internal static class XdpFaults
{
    /// <summary>A program could not be attached.</summary>
    internal static CommandFaultException FromAttach(InterfaceTarget target, XdpMode mode, LinuxException failure)
    {
        string where = mode == XdpMode.Native ? "the driver" : "the generic hook";
        string what = $"{target}: XDP program in {where}";
        switch (failure.Errno)
        {
            case Errno.EBUSY or Errno.EEXIST when XdpHook.TryQuery(target) is { IsEmpty: false } present:
                return new CommandFaultException(
                    "FOREIGN_XDP_PROGRAM",
                    $"{target} has XDP program {present} of somebody else; detach it first, it is never replaced",
                    failure.Call,
                    Errno.EBUSY);
            case Errno.EPERM:
                return CommandFaultException.From("CAPABILITY_MISSING", $"{what} needs CAP_NET_ADMIN", failure);
            case Errno.ENODEV:
                return CommandFaultException.From("INTERFACE_NOT_FOUND", what, failure);
            case Errno.EBUSY or Errno.EEXIST or Errno.EMFILE or Errno.ENFILE or Errno.ENOMEM:
                return CommandFaultException.From("XDP_ATTACH_FAILED", what, failure);
            default:
                return CommandFaultException.From(
                    "XDP_MODE_UNSUPPORTED", $"{what} is refused{Explain(failure.Errno)}", failure);
        }
    }

    /// <summary>A program could not be loaded.</summary>
    internal static CommandFaultException FromLoad(InterfaceTarget target, bool frags, BpfLoadException failure)
    {
        (string reason, string what) = failure.Errno switch
        {
            Errno.EPERM => ("CAPABILITY_MISSING", $"{target}: to load an XDP program needs CAP_BPF and CAP_NET_ADMIN"),
            Errno.EINVAL when frags => (
                "SCATTER_GATHER_UNSUPPORTED", $"scatter_gather: this kernel has no XDP programs for it on {target}"),
            _ => ("XDP_ATTACH_FAILED", $"{target}: load XDP program"),
        };
        return new CommandFaultException(
            reason, $"{what}: {failure.Errno} {failure.Messages}".TrimEnd(), "bpf(BPF_PROG_LOAD)", failure.Errno);
    }

    /// <summary>The running program could not be exchanged for one that takes packets of several buffers.</summary>
    internal static CommandFaultException FromUpdate(InterfaceTarget target, LinuxException failure) =>
        failure.Errno switch
        {
            Errno.ENOLINK or Errno.ENODEV =>
                CommandFaultException.From("INTERFACE_NOT_FOUND", $"{target} is gone", failure),
            Errno.EPERM or Errno.EEXIST or Errno.EBUSY => CommandFaultException.From(
                "FOREIGN_XDP_PROGRAM", $"{target}: somebody else replaced our XDP program", failure),
            _ => CommandFaultException.From(
                "SCATTER_GATHER_UNSUPPORTED",
                $"scatter_gather: the driver refuses an XDP program for frames of several buffers on {target}",
                failure),
        };

    /// <summary>Rules are compiled for one flavour, and this is the other.</summary>
    internal static CommandFaultException SteeredWithoutFrags(InterfaceTarget target) => new(
        "SCATTER_GATHER_UNSUPPORTED",
        $"scatter_gather: {target} is steered by rules without frags; set them with frags first",
        Errno.EOPNOTSUPP);

    /// <summary>The program of an interface could not be exchanged for another one.</summary>
    internal static CommandFaultException FromExchange(InterfaceTarget target, LinuxException failure) =>
        failure.Errno switch
        {
            Errno.ENOLINK or Errno.ENODEV =>
                CommandFaultException.From("INTERFACE_NOT_FOUND", $"{target} is gone", failure),
            Errno.EPERM or Errno.EEXIST or Errno.EBUSY => CommandFaultException.From(
                "FOREIGN_XDP_PROGRAM", $"{target}: somebody else replaced our XDP program", failure),
            _ => CommandFaultException.From(
                "XDP_ATTACH_FAILED", $"{target}: the driver refuses the program", failure),
        };

    /// <summary>Another socket on the interface has fixed the mode.</summary>
    internal static CommandFaultException ModeConflict(InterfaceTarget target, XdpMode wanted, XdpMode present) => new(
        "XDP_MODE_CONFLICT",
        $"xdp_mode {Word(wanted)}: {target} has its XDP program in mode {Word(present)} already, "
        + "and all sockets of an interface share one program",
        Errno.EBUSY);

    /// <summary>What an errno of attaching usually means, in brackets; empty when it speaks for itself.</summary>
    internal static string Explain(Errno errno) => errno switch
    {
        Errno.EOPNOTSUPP => " (it has no native XDP)",
        Errno.ENOSPC => " (too few receive queues; veth: fewer than the peer's transmit queues)",
        Errno.ERANGE => " (the MTU is too large for a program that takes single buffers)",
        Errno.ENOTCONN => " (veth without a peer)",
        _ => "",
    };

    private static string Word(XdpMode mode) => mode.ToString().ToUpperInvariant();
}
