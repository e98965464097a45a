namespace Nf.Linux;

/// <summary>What a userfaultfd was asked to tell of (UFFD_FEATURE_… of linux/userfaultfd.h).</summary>
[Flags]
public enum UserfaultFeatures : ulong
{
    None = 0,

    /// <summary>A fork, with a userfaultfd for the child; takes CAP_SYS_PTRACE.</summary>
    EventFork = Libc.UFFD_FEATURE_EVENT_FORK,

    /// <summary>mremap.</summary>
    EventRemap = Libc.UFFD_FEATURE_EVENT_REMAP,

    /// <summary>MADV_DONTNEED, MADV_REMOVE, MADV_FREE.</summary>
    EventRemove = Libc.UFFD_FEATURE_EVENT_REMOVE,
    MissingShmem = Libc.UFFD_FEATURE_MISSING_SHMEM,

    /// <summary>munmap, and a mapping put over the range.</summary>
    EventUnmap = Libc.UFFD_FEATURE_EVENT_UNMAP,
    MinorShmem = Libc.UFFD_FEATURE_MINOR_SHMEM,
    WriteProtectShmem = Libc.UFFD_FEATURE_WP_HUGETLBFS_SHMEM,
    WriteProtectUnpopulated = Libc.UFFD_FEATURE_WP_UNPOPULATED,

    /// <summary>Write protection that the kernel lifts by itself, without telling (6.7+).</summary>
    WriteProtectAsync = Libc.UFFD_FEATURE_WP_ASYNC,

    /// <summary>What tells of everything that takes memory out of an address space.</summary>
    Invalidations = EventRemap | EventRemove | EventUnmap,
}
