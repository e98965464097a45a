using Google.Rpc;
using Grpc.Core;
using Nf.Ctl.Rendering;

namespace Nf.Ctl.Errors;

/// <summary>Failures for people: one readable line, one line per field at fault, one line of advice.</summary>
internal static class ErrorText
{
    /// <summary>A failed call.</summary>
    internal static void Write(TextWriter output, RpcException failure, bool color)
    {
        StatusDetails details = StatusDetails.Of(failure);
        WriteError(output, $"{NameOf(failure.StatusCode)}: {Message(failure, details)}", color);
        foreach (BadRequest.Types.FieldViolation violation in details.Violations)
        {
            output.WriteLine(Cell.Printable($"  {violation.Field}: {violation.Description}"));
        }

        WriteHint(output, Hints.For(failure.StatusCode, details), color);
    }

    /// <summary>The service's socket cannot be reached.</summary>
    internal static void WriteUnreachable(TextWriter output, string path, string why, bool color)
    {
        WriteError(output, $"nf-service is not reachable at {path}: {why}", color);
        WriteHint(output, "Start it with ./run.sh --no-demo or pass --run", color);
    }

    internal static void WriteError(TextWriter output, string text, bool color)
    {
        output.WriteLine($"{(color ? "\e[31merror:\e[0m" : "error:")} {Cell.Printable(text)}");
    }

    internal static void WriteHint(TextWriter output, string text, bool color)
    {
        if (text.Length > 0)
        {
            output.WriteLine($"{(color ? "\e[36mhint:\e[0m" : "hint:")} {Cell.Printable(text)}");
        }
    }

    // A message that only repeats the violations as one long line would be read twice.
    private static string Message(RpcException failure, StatusDetails details)
    {
        string message = failure.Status.Detail;
        bool repeats = details.Violations.Count > 0
            && details.Violations.All(v => message.Contains(v.Description, StringComparison.Ordinal));
        if (repeats)
        {
            int count = details.Violations.Count;
            return count == 1 ? "one field is at fault" : $"{count} fields are at fault";
        }

        return message.Length > 0 ? message : "the service gave no reason";
    }

    private static string NameOf(StatusCode status)
    {
        return status switch
        {
            StatusCode.Cancelled => "cancelled",
            StatusCode.Unknown => "unknown error",
            StatusCode.InvalidArgument => "invalid argument",
            StatusCode.DeadlineExceeded => "timed out",
            StatusCode.NotFound => "not found",
            StatusCode.AlreadyExists => "already exists",
            StatusCode.PermissionDenied => "permission denied",
            StatusCode.ResourceExhausted => "resource exhausted",
            StatusCode.FailedPrecondition => "refused",
            StatusCode.Aborted => "aborted",
            StatusCode.OutOfRange => "out of range",
            StatusCode.Unimplemented => "not implemented",
            StatusCode.Internal => "internal error",
            StatusCode.Unavailable => "unavailable",
            StatusCode.DataLoss => "data loss",
            StatusCode.Unauthenticated => "unauthenticated",
            _ => status.ToString(),
        };
    }
}
