using System.Diagnostics.CodeAnalysis;
using System.Runtime.InteropServices;

namespace Nf.Linux;

/// <summary>The one place where "-1 and errno" becomes an exception.</summary>
internal static class Result
{
    /// <summary>What the last P/Invoke with SetLastError left behind on this thread.</summary>
    internal static Errno LastErrno => (Errno)Marshal.GetLastPInvokeError();

    /// <summary>Passes a result that is not negative; throws errno under the call's name otherwise.</summary>
    internal static int Check(int result, string call)
    {
        if (result < 0)
        {
            Throw(call);
        }

        return result;
    }

    /// <inheritdoc cref="Check(int, string)"/>
    internal static nint Check(nint result, string call)
    {
        if (result < 0)
        {
            Throw(call);
        }

        return result;
    }

    /// <summary>For libbpf, which returns the negative errno itself.</summary>
    internal static int CheckNegative(int result, string call)
    {
        if (result < 0)
        {
            throw new LinuxException(call, (Errno)(-result));
        }

        return result;
    }

    /// <summary>Throws the errno of the call that has just failed.</summary>
    [DoesNotReturn]
    internal static void Throw(string call) => throw new LinuxException(call, LastErrno);
}
