using Nf.Internal.V1;
using Nf.Linux;
using Nf.SharedMemory.Store;

namespace Nf.DataPlane.Control;

/// <summary>What is answered to a command that failed.</summary>
internal static class CommandReplies
{
    internal static Reply Done() => new() { Done = new Done() };

    internal static Reply Failed(string message, string call, Errno errno, string reason) => new()
    {
        Fault = new Fault { Message = message, Call = call, Errno = (int)errno, Reason = reason },
    };

    internal static Reply Failed(CommandFaultException fault)
    {
        Reply reply = Failed(fault.Message, fault.Call, fault.Errno, fault.Reason);
        reply.Fault.Fields.AddRange(fault.Fields.Select(field => new FieldFault
        {
            Field = field.Field,
            Description = field.Description,
        }));
        return reply;
    }

    /// <summary>The answer to a failure that is foreseen; null for a bug.</summary>
    internal static Reply? TryFailed(Exception failure) => failure switch
    {
        CommandFaultException fault => Failed(fault),
        LinuxException refusal => Failed(refusal.Message, refusal.Call, refusal.Errno, "SYSTEM_CALL_FAILED"),

        // A pid of 0, a path with a zero byte: what no call of the kernel would be made with.
        ArgumentException refusal => Failed(refusal.Message, "", Errno.EINVAL, "INVALID_SPEC"),

        // What the next life would not get is not made in this one either.
        StoreException refusal => Failed($"the keeper: {refusal.Message}", "", Errno.ENOBUFS, "LIMIT_REACHED"),
        _ => null,
    };
}
