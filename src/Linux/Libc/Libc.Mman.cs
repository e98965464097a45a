using System.Runtime.InteropServices;

namespace Nf.Linux;

// sys/mman.h, linux/mempolicy.h
public static unsafe partial class Libc
{
    internal const int PROT_NONE = 0;
    internal const int PROT_READ = 1;
    internal const int PROT_WRITE = 2;

    internal const int MAP_SHARED = 0x01;
    internal const int MAP_PRIVATE = 0x02;
    internal const int MAP_FIXED = 0x10;
    internal const int MAP_ANONYMOUS = 0x20;
    internal const int MAP_NORESERVE = 0x4000;
    internal const int MAP_HUGETLB = 0x40000;

    internal const int MADV_DONTNEED = 4;
    internal const int MADV_DONTFORK = 10;
    internal const int MADV_HUGEPAGE = 14;
    internal const int MADV_DONTDUMP = 16;
    internal const int MADV_POPULATE_READ = 22;
    internal const int MADV_POPULATE_WRITE = 23;

    internal const int MREMAP_MAYMOVE = 1;

    internal const uint MFD_CLOEXEC = 0x1;
    internal const uint MFD_ALLOW_SEALING = 0x2;
    internal const uint MFD_HUGETLB = 0x4;
    internal const uint MFD_HUGE_2MB = 21u << 26;
    internal const uint MFD_HUGE_1GB = 30u << 26;

    internal const int F_SEAL_SEAL = 0x1;
    internal const int F_SEAL_SHRINK = 0x2;
    internal const int F_SEAL_GROW = 0x4;
    internal const int F_SEAL_WRITE = 0x8;
    internal const int F_SEAL_FUTURE_WRITE = 0x10;

    internal const int MPOL_BIND = 2;
    internal const uint MPOL_MF_STRICT = 1;
    internal const uint MPOL_MF_MOVE = 2;

    [LibraryImport("libc", SetLastError = true)]
    internal static partial void* mmap(
        void* address, nuint length, int protection, int flags, FileDescriptor fd, long offset);

    // For MAP_ANONYMOUS, where there is no descriptor.
    [LibraryImport("libc", EntryPoint = "mmap", SetLastError = true)]
    internal static partial void* mmap_anonymous(
        void* address, nuint length, int protection, int flags, int fd, long offset);

    [LibraryImport("libc", SetLastError = true)]
    internal static partial int munmap(void* address, nuint length);

    [LibraryImport("libc", SetLastError = true)]
    internal static partial int mprotect(void* address, nuint length, int protection);

    [LibraryImport("libc", SetLastError = true)]
    internal static partial int mlock(void* address, nuint length);

    [LibraryImport("libc", SetLastError = true)]
    internal static partial int madvise(void* address, nuint length, int advice);

    [LibraryImport("libc", SetLastError = true)]
    internal static partial int mincore(void* address, nuint length, byte* resident);

    // Variadic in C; see fcntl. The fifth argument counts with MREMAP_FIXED only.
    [LibraryImport("libc", SetLastError = true)]
    internal static partial void* mremap(void* address, nuint oldLength, nuint newLength, int flags, void* newAddress);

    [LibraryImport("libc", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    internal static partial int memfd_create(string name, uint flags);
}
