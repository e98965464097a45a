using Google.Rpc;
using Grpc.Core;

namespace Nf.Ctl.Errors;

/// <summary>What to do about a failure: by its reason (google.rpc.ErrorInfo), else by its status.</summary>
internal static class Hints
{
    /// <summary>A line of advice; empty when there is none worth a line.</summary>
    internal static string For(StatusCode status, StatusDetails details)
    {
        string hint = ForReason(details.Info);
        if (hint.Length == 0)
        {
            hint = details.RetryAfter is null ? ForStatus(status) : "";
        }

        if (details.RetryAfter is not { } delay)
        {
            return hint;
        }

        string retry = $"try again in {Rendering.Quantity.Age(delay)}";
        return hint.Length == 0 ? retry : $"{hint}; {retry}";
    }

    private static string ForReason(ErrorInfo? info)
    {
        // The field that google.rpc now calls "reason" has its first name, "type", in this version of the protos.
        return info?.Type switch
        {
            "FOREIGN_XDP_PROGRAM" =>
                $"`ip link set {Of(info, "interface", "IF")} xdp off` if the program is yours",
            "CAPABILITY_MISSING" or "CAPABILITY_MISSING" =>
                $"the data plane lacks {Of(info, "capability", "a capability")}: start it as root or with "
                + "NET_ADMIN, NET_RAW, BPF, PERFMON and IPC_LOCK",
            "QUEUE_TAKEN" =>
                "another socket has this queue: `nfctl xsk list` shows ours, `ss --xdp` those of other programs",
            "ZERO_COPY_UNSUPPORTED" => "bind with --mode auto to fall back to copy mode",
            "NATIVE_XDP_UNSUPPORTED" or "XDP_MODE_UNSUPPORTED" =>
                "bind with --xdp-mode auto to use what the driver has",
            "XDP_MODE_CONFLICT" => "bind with --xdp-mode auto, or unbind the other sockets of the interface first",
            "SCATTER_GATHER_UNSUPPORTED" => "bind without --scatter-gather, or with --xdp-mode generic",
            "IN_USE" => "delete what uses it first, or repeat with --force",
            "SOCKET_IN_LINK" => "a socket or device belongs to one link or bridge: `nfctl link list`",
            "SOCKET_IN_BRIDGE" => "a socket or device belongs to one link or bridge: `nfctl bridge list`",
            "SOCKET_PATH_TAKEN" =>
                "choose another --socket: `nfctl vhost list` shows ours, `ss -xlp` those of other programs",
            "SOCKET_PATH_INVALID" => "make the directory of --socket first; the data plane must see it",
            "SOCKET_PATH_DENIED" =>
                "the data plane may not make a socket there: choose a folder below its run directory",
            "REDIRECT_LOOP" => "redirect to an interface whose steering does not lead back into this cpumap",
            "FRAGS_MISMATCH" =>
                "give --frags to the cpumap, its programs and the steering, or to none: the kernel wants them equal",
            "CPU_OFFLINE" => "`echo 1 > /sys/devices/system/cpu/cpuN/online` brings a CPU back",
            "INTERFACE_STEERED" => "`nfctl steer list` shows the name that steers it",
            "WORKER_MISMATCH" => "put all ends on one worker: create their UMEMs and devices with the same --cpu",
            "NAME_TAKEN" => "choose another name, or delete the old one first",
            "QUOTA_EXCEEDED" =>
                "raise the owner's quota (nf-service --quota OWNER=BYTES) or delete a UMEM of this owner",
            "MEMORY_EXHAUSTED" => "ask for less, or free huge pages (/proc/sys/vm/nr_hugepages) or memory first",
            "MEMLOCK_EXCEEDED" => "raise `ulimit -l` of the data plane, or give it CAP_IPC_LOCK",
            "INTERFACE_NOT_FOUND" => "`nfctl node` lists interfaces; --netns picks another network namespace",
            "NAMESPACE_NOT_FOUND" => "`ip netns list` shows the names; the data plane must see the path",
            "DATA_PLANE_UNAVAILABLE" => "the data plane is down or restarting: `nfctl node` and its log tell more",
            "DATA_PLANE_TIMEOUT" => "the data plane is busy or hangs: `nfctl node` shows its last heartbeat",
            _ => "",
        };
    }

    private static string ForStatus(StatusCode status)
    {
        return status switch
        {
            StatusCode.NotFound => "the `list` commands show what there is",
            StatusCode.AlreadyExists => "choose another name, or delete the old one first",
            StatusCode.Unavailable => "the data plane may be restarting: `nfctl node` tells; try again",
            StatusCode.DeadlineExceeded =>
                "allow more with --timeout; `nfctl health` tells whether the service answers",
            StatusCode.Unimplemented => "nf-service may be older than this nfctl: `nfctl version`",
            StatusCode.Internal or StatusCode.Unknown or StatusCode.DataLoss =>
                "this is a defect; the log of nf-service has the rest",
            StatusCode.PermissionDenied or StatusCode.Unauthenticated =>
                "run as a user who may open the service's socket",
            _ => "",
        };
    }

    private static string Of(ErrorInfo info, string key, string otherwise)
    {
        return info.Metadata.TryGetValue(key, out string? value) && value.Length > 0 ? value : otherwise;
    }
}
