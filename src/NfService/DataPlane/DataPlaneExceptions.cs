using Nf.Linux;

namespace Nf.Service;

/// <summary>The data plane cannot be reached, or went away before it answered.</summary>
internal sealed class DataPlaneUnavailableException(string message) : Exception(message);

/// <summary>The data plane did not answer within the time the caller gave.</summary>
internal sealed class DataPlaneTimeoutException(string message) : Exception(message);

/// <summary>The data plane carried a request out and it failed.</summary>
/// <param name="message">Names field, value and rule.</param>
/// <param name="call">The system call that failed; empty when none did.</param>
/// <param name="errno">Its errno, or the one that says best what is wrong.</param>
/// <param name="reason">For programs, such as QUEUE_TAKEN.</param>
/// <param name="fields">Fields of the request at fault, where that is known.</param>
internal sealed class DataPlaneFaultException(
    string message, string call, Errno errno, string reason, IReadOnlyList<SpecFault>? fields = null)
    : Exception(call.Length == 0 || message.Contains(call, StringComparison.Ordinal)
        ? message
        : $"{message} ({call}: {errno})")
{
    /// <summary>The system call that failed; empty when none did.</summary>
    public string Call { get; } = call;

    /// <summary>Its errno, or the one that says best what is wrong.</summary>
    public Errno Errno { get; } = errno;

    /// <summary>For programs.</summary>
    public string Reason { get; } = reason;

    /// <summary>Fields of the request at fault; empty where they are not known.</summary>
    public IReadOnlyList<SpecFault> Fields { get; } = fields ?? [];
}
