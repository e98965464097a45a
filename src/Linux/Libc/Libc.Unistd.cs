using System.Runtime.InteropServices;

namespace Nf.Linux;

// unistd.h, fcntl.h, sys/stat.h, sys/uio.h
/// <summary>
/// Declarations only: C names, C types, no policy; read it beside the man pages. Results are <c>int</c>, never a
/// SafeHandle: libc returns 32 bits, and a native-width read of them could miss a -1.
/// </summary>
public static unsafe partial class Libc
{
    public const int O_RDONLY = 0;
    public const int O_WRONLY = 1;
    public const int O_RDWR = 2;
    public const int O_CREAT = 0x40;
    public const int O_EXCL = 0x80;
    public const int O_TRUNC = 0x200;
    public const int O_APPEND = 0x400;
    public const int O_NONBLOCK = 0x800;
    public const int O_CLOEXEC = 0x80000;

    internal const int F_GETFD = 1;
    internal const int F_SETFD = 2;
    internal const int F_GETFL = 3;
    internal const int F_SETFL = 4;
    internal const int F_DUPFD_CLOEXEC = 1030;
    internal const int F_ADD_SEALS = 1033;
    internal const int F_GET_SEALS = 1034;
    internal const int FD_CLOEXEC = 1;

    internal const int RWF_NOWAIT = 8;

    internal const int AT_SYMLINK_NOFOLLOW = 0x100;
    internal const int AT_EMPTY_PATH = 0x1000;
    internal const uint STATX_BASIC_STATS = 0x7ff;
    internal const int S_IFMT = 0xf000;
    internal const int S_IFSOCK = 0xc000;
    internal const int S_IFREG = 0x8000;

    [LibraryImport("libc", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    internal static partial int open(string path, int flags, uint mode);

    [LibraryImport("libc", SetLastError = true)]
    internal static partial int close(int fd);

    [LibraryImport("libc", SetLastError = true)]
    internal static partial nint read(FileDescriptor fd, void* buffer, nuint count);

    [LibraryImport("libc", SetLastError = true)]
    internal static partial nint write(FileDescriptor fd, void* buffer, nuint count);

    [LibraryImport("libc", SetLastError = true)]
    internal static partial nint pread(FileDescriptor fd, void* buffer, nuint count, long offset);

    [LibraryImport("libc", SetLastError = true)]
    internal static partial nint pwrite(FileDescriptor fd, void* buffer, nuint count, long offset);

    [LibraryImport("libc", SetLastError = true)]
    internal static partial nint preadv2(FileDescriptor fd, iovec* pieces, int count, long offset, int flags);

    [LibraryImport("libc", SetLastError = true)]
    internal static partial nint pwritev2(FileDescriptor fd, iovec* pieces, int count, long offset, int flags);

    [LibraryImport("libc", SetLastError = true)]
    internal static partial int ftruncate(FileDescriptor fd, long length);

    // Variadic in C; with integer arguments the x86-64 and arm64 Linux conventions pass them alike.
    [LibraryImport("libc", SetLastError = true)]
    internal static partial int fcntl(FileDescriptor fd, int command, nint argument);

    [LibraryImport("libc", EntryPoint = "fcntl", SetLastError = true)]
    internal static partial int fcntl_number(int fd, int command, nint argument);

    // Not fstat: struct statx has one layout on every architecture.
    [LibraryImport("libc", EntryPoint = "statx", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    internal static partial int statx_fd(FileDescriptor fd, string path, int flags, uint mask, statx* result);

    [LibraryImport("libc", EntryPoint = "statx", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    internal static partial int statx_path(int directory, string path, int flags, uint mask, statx* result);

    [LibraryImport("libc", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    internal static partial nint readlink(string path, byte* buffer, nuint size);

    [LibraryImport("libc", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    internal static partial int unlink(string path);

    [LibraryImport("libc", SetLastError = true)]
    internal static partial int fchmod(FileDescriptor fd, uint mode);

    [LibraryImport("libc", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    internal static partial int chmod(string path, uint mode);

    [LibraryImport("libc", SetLastError = true)]
    internal static partial int ioctl(FileDescriptor fd, nuint request, void* argument);

    [LibraryImport("libc", SetLastError = true)]
    internal static partial int poll(pollfd* fds, nuint count, int timeoutMs);
}

/// <summary>What statx(2) reports; only the parts in use are named, the size is the kernel's.</summary>
[StructLayout(LayoutKind.Explicit, Size = 256)]
internal struct statx
{
    [FieldOffset(0)]
    internal uint stx_mask;
    [FieldOffset(4)]
    internal uint stx_blksize;
    [FieldOffset(28)]
    internal ushort stx_mode;
    [FieldOffset(32)]
    internal ulong stx_ino;
    [FieldOffset(40)]
    internal ulong stx_size;
    [FieldOffset(136)]
    internal uint stx_dev_major;
    [FieldOffset(140)]
    internal uint stx_dev_minor;
}

/// <summary>One descriptor of poll(2).</summary>
[StructLayout(LayoutKind.Sequential)]
internal struct pollfd
{
    internal int fd;
    internal short events;
    internal short revents;
}
