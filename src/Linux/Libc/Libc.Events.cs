using System.Runtime.InteropServices;

namespace Nf.Linux;

// sys/epoll.h, sys/eventfd.h, sys/timerfd.h, poll.h
public static unsafe partial class Libc
{
    internal const short POLLIN = 0x1;
    internal const short POLLOUT = 0x4;

    internal const int EPOLL_CLOEXEC = 0x80000;
    internal const int EPOLL_CTL_ADD = 1;
    internal const int EPOLL_CTL_DEL = 2;
    internal const int EPOLL_CTL_MOD = 3;

    internal const int EFD_CLOEXEC = 0x80000;
    internal const int EFD_NONBLOCK = 0x800;

    internal const int CLOCK_MONOTONIC = 1;
    internal const int CLOCK_TAI = 11;
    internal const int TFD_CLOEXEC = 0x80000;
    internal const int TFD_NONBLOCK = 0x800;

    [LibraryImport("libc", SetLastError = true)]
    internal static partial int epoll_create1(int flags);

    [LibraryImport("libc", SetLastError = true)]
    internal static partial int epoll_ctl(FileDescriptor epoll, int operation, FileDescriptor fd, void* change);

    [LibraryImport("libc", SetLastError = true)]
    internal static partial int epoll_wait(FileDescriptor epoll, void* events, int count, int timeoutMs);

    [LibraryImport("libc", SetLastError = true)]
    internal static partial int eventfd(uint initial, int flags);

    [LibraryImport("libc", SetLastError = true)]
    internal static partial int timerfd_create(int clock, int flags);

    [LibraryImport("libc", SetLastError = true)]
    internal static partial int timerfd_settime(FileDescriptor fd, int flags, itimerspec* value, itimerspec* old);

    [LibraryImport("libc", SetLastError = true)]
    internal static partial int clock_gettime(int clock, timespec* time);
}

/// <summary>Seconds and nanoseconds.</summary>
[StructLayout(LayoutKind.Sequential)]
internal struct timespec
{
    internal long tv_sec;
    internal long tv_nsec;
}

/// <summary>When a timer first fires, and every how often after.</summary>
[StructLayout(LayoutKind.Sequential)]
internal struct itimerspec
{
    internal timespec it_interval;
    internal timespec it_value;
}
