using Nf.Linux;
using Nf.V1;

namespace Nf.DataPlane.Control;

/// <summary>What a refusal of the kernel on the way to a bound socket means (net/xdp/xsk.c, xsk_bind).</summary>
internal static class XskFaults
{
    internal static CommandFaultException OfBind(XskSocketSpec spec, XskDevice device, LinuxException refusal)
    {
        string where = $"queue {spec.Queue} of {device.Link.Name}";
        return refusal.Errno switch
        {
            Errno.EBUSY => From(
                "QUEUE_TAKEN", $"{where} has a socket of another UMEM or process, or one that is just being released"),
            Errno.EOPNOTSUPP when spec.Mode == XskMode.ZeroCopy => From(
                "ZERO_COPY_UNSUPPORTED", $"{where}: {device.WhyNoZeroCopy()}"),
            Errno.EOPNOTSUPP => From("MODE_UNSUPPORTED", $"{where}: the driver does not take these modes"),
            Errno.EPERM or Errno.EACCES => From(
                "CAPABILITY_MISSING", $"{where}: the data plane needs CAP_NET_RAW in that network namespace"),
            Errno.ENODEV or Errno.ENXIO => From("INTERFACE_NOT_FOUND", $"{where}: the interface went away"),
            Errno.ENOBUFS => From(
                "MEMLOCK_EXCEEDED",
                $"UMEM \"{spec.Umem}\" is above RLIMIT_MEMLOCK and the data plane lacks CAP_IPC_LOCK"),
            Errno.ENOMEM => From("MEMORY_EXHAUSTED", $"{where}: the kernel has no memory for the rings or the pool"),
            Errno.ENETDOWN => From("INTERFACE_DOWN", $"{where}: this driver binds only while the interface is up"),
            Errno.EINVAL when spec.ScatterGather => From(
                "MODE_UNSUPPORTED", $"{where}: the kernel is older than 6.6 or cannot do scatter-gather here"),
            Errno.EINVAL => From("INVALID_SPEC", $"{where}: the kernel refused the combination"),
            _ => From("BIND_FAILED", where),
        };

        CommandFaultException From(string reason, string what) => CommandFaultException.From(reason, what, refusal);
    }
}
