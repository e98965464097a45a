using System.Runtime.InteropServices;

namespace Nf.Linux;

// sys/vfs.h, linux/nsfs.h, linux/magic.h
public static unsafe partial class Libc
{
    internal const int O_PATH = 0x200000;
    internal const uint NSFS_MAGIC = 0x6e736673;
    internal const uint HUGETLBFS_MAGIC = 0x958458f6;
    internal const uint FUSE_SUPER_MAGIC = 0x65735546;
    internal const uint PID_FS_MAGIC = 0x50494446;

    [LibraryImport("libc", SetLastError = true)]
    internal static partial int fstatfs(FileDescriptor fd, statfs* result);
}

/// <summary>What fstatfs(2) reports; only the parts in use are named, the size is the kernel's.</summary>
[StructLayout(LayoutKind.Explicit, Size = 120)]
internal struct statfs
{
    [FieldOffset(0)]
    internal long f_type;
    [FieldOffset(8)]
    internal long f_bsize;
}
