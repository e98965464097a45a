using System.Runtime.InteropServices;

namespace Nf.Linux;

// sys/mount.h of newer C libraries; called by number, since older ones (glibc before 2.36) have no wrappers.
public static partial class Libc
{
    internal const int FSOPEN_CLOEXEC = 1;
    internal const int FSCONFIG_CMD_CREATE = 6;
    internal const int FSMOUNT_CLOEXEC = 1;
    internal const int MOUNT_ATTR_NOSUID_NODEV_NOEXEC = 0x2 | 0x4 | 0x8;

    // The same numbers on every architecture.
    private const int SYS_fsopen = 430;
    private const int SYS_fsconfig = 431;
    private const int SYS_fsmount = 432;

    internal static nint fsopen(string fileSystem, int flags) => syscall_string(SYS_fsopen, fileSystem, flags);

    internal static nint fsconfig(FileDescriptor context, int command, nint key, nint value, nint auxiliary) =>
        syscall_fd5(SYS_fsconfig, context, command, key, value, auxiliary);

    internal static nint fsmount(FileDescriptor context, int flags, int attributes) =>
        syscall_fd(SYS_fsmount, context, flags, attributes, 0);

    // Variadic in C for the mode of a new file, which is not asked for here.
    [LibraryImport("libc", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    internal static partial int openat(FileDescriptor directory, string path, int flags);

    [LibraryImport("libc", EntryPoint = "syscall", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial nint syscall_string(nint number, string arg1, nint arg2);

    [LibraryImport("libc", EntryPoint = "syscall", SetLastError = true)]
    private static partial nint syscall_fd5(
        nint number, FileDescriptor fd, nint arg2, nint arg3, nint arg4, nint arg5);
}
