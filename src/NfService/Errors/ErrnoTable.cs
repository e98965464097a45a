using Grpc.Core;
using Nf.Linux;

namespace Nf.Service;

/// <summary>What a failed system call of the data plane means to a caller (design, section 6).</summary>
internal static class ErrnoTable
{
    // A reason says more than an errno does: EBUSY of bind and EBUSY of an XDP program are different things.
    private static readonly Dictionary<string, StatusCode> ByReason = new(StringComparer.Ordinal)
    {
        ["QUEUE_TAKEN"] = StatusCode.FailedPrecondition,
        ["QUEUE_OUT_OF_RANGE"] = StatusCode.InvalidArgument,
        ["WORKER_CPU_UNKNOWN"] = StatusCode.InvalidArgument,
        ["NUMA_NODE_UNKNOWN"] = StatusCode.InvalidArgument,
        ["INTERFACE_NOT_FOUND"] = StatusCode.NotFound,
        ["NAMESPACE_NOT_FOUND"] = StatusCode.NotFound,
        ["FOREIGN_XDP_PROGRAM"] = StatusCode.FailedPrecondition,
        ["ZERO_COPY_UNSUPPORTED"] = StatusCode.FailedPrecondition,
        ["NATIVE_XDP_UNSUPPORTED"] = StatusCode.FailedPrecondition,
        ["CAPABILITY_MISSING"] = StatusCode.FailedPrecondition,
        ["MEMORY_EXHAUSTED"] = StatusCode.ResourceExhausted,
        ["MEMLOCK_EXCEEDED"] = StatusCode.ResourceExhausted,
        ["IN_USE"] = StatusCode.FailedPrecondition,
        ["UNKNOWN_RESOURCE"] = StatusCode.NotFound,
        ["NAME_TAKEN"] = StatusCode.AlreadyExists,
        ["SOCKET_IN_LINK"] = StatusCode.FailedPrecondition,
        ["SOCKET_IN_BRIDGE"] = StatusCode.FailedPrecondition,
        ["SOCKET_PATH_TAKEN"] = StatusCode.FailedPrecondition,
        ["SOCKET_PATH_INVALID"] = StatusCode.InvalidArgument,
        ["SOCKET_PATH_DENIED"] = StatusCode.FailedPrecondition,
        ["WORKER_MISMATCH"] = StatusCode.FailedPrecondition,
        ["LIMIT_REACHED"] = StatusCode.ResourceExhausted,
        ["INVALID_SPEC"] = StatusCode.InvalidArgument,
        ["INTERFACE_STEERED"] = StatusCode.AlreadyExists,
        ["REDIRECT_LOOP"] = StatusCode.FailedPrecondition,
        ["FRAGS_MISMATCH"] = StatusCode.FailedPrecondition,
        ["CPU_OFFLINE"] = StatusCode.FailedPrecondition,
        ["ENTRY_BUSY"] = StatusCode.FailedPrecondition,
        ["PROGRAM_REFUSED"] = StatusCode.InvalidArgument,
        ["LOADER_MISSING"] = StatusCode.FailedPrecondition,
    };

    /// <summary>The reasons that have a row.</summary>
    public static IReadOnlyCollection<string> Reasons => ByReason.Keys;

    /// <summary>The status of a fault.</summary>
    public static StatusCode StatusOf(string reason, Errno errno) =>
        // The name's last bearer is still being released: trying again helps.
        reason == "NAME_TAKEN" && errno == Errno.EBUSY ? StatusCode.Unavailable
        : ByReason.TryGetValue(reason, out StatusCode status) ? status : StatusOf(errno);

    /// <summary>The status of an errno.</summary>
    public static StatusCode StatusOf(Errno errno) => errno switch
    {
        Errno.EINVAL => StatusCode.InvalidArgument,
        Errno.ENODEV or Errno.ENOENT => StatusCode.NotFound,
        Errno.EEXIST or Errno.EADDRINUSE => StatusCode.AlreadyExists,
        Errno.EBUSY => StatusCode.FailedPrecondition,
        Errno.ENOBUFS or Errno.ENOMEM or Errno.EMFILE or Errno.ENOSPC => StatusCode.ResourceExhausted,
        Errno.EOVERFLOW or Errno.E2BIG => StatusCode.OutOfRange,
        Errno.EOPNOTSUPP => StatusCode.FailedPrecondition,

        // About the data plane's capabilities, not the caller's identity, so it is not PERMISSION_DENIED.
        Errno.EPERM => StatusCode.FailedPrecondition,
        Errno.EAGAIN => StatusCode.Unavailable,
        Errno.ETIMEDOUT => StatusCode.DeadlineExceeded,

        // A redirect that leads back to where it comes from.
        Errno.ELOOP => StatusCode.FailedPrecondition,

        // Memory of a peer that is gone.
        Errno.EFAULT => StatusCode.FailedPrecondition,
        _ => StatusCode.Internal,
    };
}
