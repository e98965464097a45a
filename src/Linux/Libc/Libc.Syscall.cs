using System.Runtime.InteropServices;

namespace Nf.Linux;

// sys/syscall.h: calls that libc does not wrap, or wraps only in another library.
public static unsafe partial class Libc
{
    internal const int SYS_pidfd_send_signal = 424;
    internal const int SYS_pidfd_open = 434;
    internal const int SYS_pidfd_getfd = 438;

    internal static int SYS_membarrier => IsX64 ? 324 : 283;

    internal static int SYS_mbind => IsX64 ? 237 : 235;

    internal static int SYS_bpf => IsX64 ? 321 : 280;

    private static bool IsX64 => RuntimeInformation.ProcessArchitecture == Architecture.X64;

    // Variadic in C; see fcntl.
    [LibraryImport("libc", EntryPoint = "syscall", SetLastError = true)]
    internal static partial nint syscall6(
        nint number, nint arg1, nint arg2, nint arg3, nint arg4, nint arg5, nint arg6);

    [LibraryImport("libc", EntryPoint = "syscall", SetLastError = true)]
    internal static partial nint syscall_fd(nint number, FileDescriptor fd, nint arg2, nint arg3, nint arg4);

    [LibraryImport("libc", EntryPoint = "syscall", SetLastError = true)]
    internal static partial nint syscall_bpf(nint number, nint command, void* attributes, nuint size);
}
