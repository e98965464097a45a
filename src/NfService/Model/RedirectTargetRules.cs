using Nf.V1;

namespace Nf.Service;

/// <summary>The rules of where a redirecting program sends.</summary>
internal static class RedirectTargetRules
{
    /// <summary>Notes every fault of the target that belongs to an action.</summary>
    /// <param name="faults">Where to note them.</param>
    /// <param name="field">Path of the target.</param>
    /// <param name="target">The target; null when it is unset.</param>
    /// <param name="isWanted">Whether the action redirects.</param>
    public static void Check(SpecFaults faults, string field, RedirectTarget? target, bool isWanted)
    {
        if (target is null || !isWanted)
        {
            faults.Require(target is null, field, "is for REDIRECT only");
            faults.Require(!isWanted, field, "must be set: REDIRECT needs a target");
            return;
        }

        switch (target.ToCase)
        {
            case RedirectTarget.ToOneofCase.Interface:
                DeviceRules.CheckInterface(faults, $"{field}.interface", target.Interface);
                XskSocketRules.CheckNamespace(faults, $"{field}.network_namespace", target.NetworkNamespace);
                return;
            case RedirectTarget.ToOneofCase.XskSocket:
                ResourceName.Check(faults, $"{field}.xsk_socket", target.XskSocket);
                break;
            case RedirectTarget.ToOneofCase.VhostDevice:
                ResourceName.Check(faults, $"{field}.vhost_device", target.VhostDevice);
                break;
            default:
                faults.Add(field, "one of interface, xsk_socket and vhost_device must be set");
                break;
        }

        faults.Require(
            target.NetworkNamespace is null, $"{field}.network_namespace", "is for an interface only");
    }

    /// <summary>Notes a fault unless a cpumap of this backend can send there.</summary>
    public static void CheckBackend(SpecFaults faults, string field, RedirectTarget? target, CpumapBackend backend)
    {
        if (target is null || target.ToCase == RedirectTarget.ToOneofCase.None)
        {
            return;
        }

        bool isInterface = target.ToCase == RedirectTarget.ToOneofCase.Interface;
        faults.Require(
            isInterface == (backend == CpumapBackend.Kernel),
            field,
            isInterface
                ? "an interface, which a cpumap of the kernel sends to; one in user space sends to a socket or device"
                : "a socket or device, which a cpumap in user space sends to; the kernel's sends to an interface");
    }

    /// <summary>The socket or device that is sent to, if it is one.</summary>
    public static EndpointMember? MemberOf(RedirectTarget? target) => target?.ToCase switch
    {
        RedirectTarget.ToOneofCase.XskSocket => new EndpointMember(DesiredResource.XskSocketType, target.XskSocket),
        RedirectTarget.ToOneofCase.VhostDevice =>
            new EndpointMember(DesiredResource.VhostDeviceType, target.VhostDevice),
        _ => null,
    };
}
