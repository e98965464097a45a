using System.Runtime.InteropServices;

namespace Nf.Linux;

/// <summary>A system call failed: which one, and why, in the kernel's own word.</summary>
/// <param name="call">The call and what it was about, as in <c>setsockopt(XDP_UMEM_REG)</c>.</param>
/// <param name="errno">The kernel's answer.</param>
public sealed class LinuxException(string call, Errno errno)
    : IOException($"{call}: {errno} ({Marshal.GetPInvokeErrorMessage((int)errno)})", (int)errno)
{
    /// <summary>The call that failed.</summary>
    public string Call { get; } = call;

    /// <summary>Why it failed.</summary>
    public Errno Errno { get; } = errno;
}
