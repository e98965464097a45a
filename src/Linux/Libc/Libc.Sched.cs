using System.Runtime.InteropServices;

namespace Nf.Linux;

// sched.h, sys/prctl.h
public static unsafe partial class Libc
{
    internal const int CLONE_NEWNET = 0x40000000;
    internal const int PR_SET_NAME = 15;

    // linux/nsfs.h: _IO(0xb7, 0x3)
    internal const uint NS_GET_NSTYPE = 0xb703;

    [LibraryImport("libc", SetLastError = true)]
    internal static partial int gettid();

    [LibraryImport("libc", SetLastError = true)]
    internal static partial int sched_setaffinity(int tid, nuint size, void* mask);

    [LibraryImport("libc", SetLastError = true)]
    internal static partial int sched_getaffinity(int tid, nuint size, void* mask);

    [LibraryImport("libc", SetLastError = true)]
    internal static partial int prctl(int option, nint arg2, nint arg3, nint arg4, nint arg5);

    [LibraryImport("libc", SetLastError = true)]
    internal static partial int unshare(int flags);

    [LibraryImport("libc", SetLastError = true)]
    internal static partial int setns(FileDescriptor fd, int type);
}
