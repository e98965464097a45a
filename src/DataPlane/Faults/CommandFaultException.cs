using Nf.Linux;

namespace Nf.DataPlane.Faults;

/// <summary>A command cannot be carried out: the caller's mistake or the machine's refusal, never a bug here.</summary>
/// <param name="reason">A stable word in capitals for programs, such as FOREIGN_XDP_PROGRAM.</param>
/// <param name="message">What is wrong, for people: names field, value and rule.</param>
/// <param name="call">The system call that failed; empty when none did.</param>
/// <param name="errno">Its errno, or the one that says best what is wrong when no call failed.</param>
internal sealed class CommandFaultException(string reason, string message, string call, Errno errno)
    : Exception(message)
{
    /// <summary>A fault without a failed call behind it.</summary>
    internal CommandFaultException(string reason, string message, Errno errno)
        : this(reason, message, "", errno)
    {
    }

    /// <summary>The stable word for programs.</summary>
    internal string Reason { get; } = reason;

    /// <summary>The system call that failed; empty when none did.</summary>
    internal string Call { get; } = call;

    /// <summary>Its errno, or the one that says best what is wrong.</summary>
    internal Errno Errno { get; } = errno;

    /// <summary>The fields of the public request at fault, where they are known, and what is wrong with each.</summary>
    internal IReadOnlyList<(string Field, string Description)> Fields { get; init; } = [];

    /// <summary>A refusal of the kernel under a stable word: "what: call: errno (text)".</summary>
    internal static CommandFaultException From(string reason, string what, LinuxException cause) =>
        new(reason, $"{what}: {cause.Message}", cause.Call, cause.Errno);
}
