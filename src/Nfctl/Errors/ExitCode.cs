using Grpc.Core;

namespace Nf.Ctl.Errors;

/// <summary>Exit codes of nfctl: part of its interface.</summary>
internal static class ExitCode
{
    internal const int Ok = 0;
    internal const int Internal = 1;
    internal const int Usage = 2;
    internal const int NotFound = 3;
    internal const int Refused = 4;
    internal const int Unavailable = 5;
    internal const int InvalidArgument = 6;
    internal const int ResourceExhausted = 7;
    internal const int TimedOut = 8;

    /// <summary>128 + SIGINT, as shells have it: a call was broken off by Ctrl-C.</summary>
    internal const int Interrupted = 130;

    /// <summary>The table of the help text.</summary>
    internal const string Help =
        """
        Exit codes:
          0  done
          1  internal error
          2  wrong usage
          3  not found
          4  refused: already exists with another spec, in use, or the node cannot do it
          5  nf-service or the data plane is unavailable
          6  invalid argument
          7  resource exhausted: quota, memory, huge pages
          8  timed out
          130  interrupted
        """;

    /// <summary>The exit code of a call's status.</summary>
    internal static int For(StatusCode status)
    {
        return status switch
        {
            StatusCode.OK => Ok,
            StatusCode.NotFound => NotFound,
            StatusCode.AlreadyExists or StatusCode.FailedPrecondition or StatusCode.Aborted
                or StatusCode.PermissionDenied or StatusCode.Unauthenticated or StatusCode.Unimplemented => Refused,
            StatusCode.Unavailable => Unavailable,
            StatusCode.InvalidArgument or StatusCode.OutOfRange => InvalidArgument,
            StatusCode.ResourceExhausted => ResourceExhausted,
            StatusCode.DeadlineExceeded => TimedOut,
            StatusCode.Cancelled => Interrupted,
            _ => Internal,
        };
    }
}
