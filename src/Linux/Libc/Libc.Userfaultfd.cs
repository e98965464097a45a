using System.Runtime.InteropServices;

namespace Nf.Linux;

// linux/userfaultfd.h
public static partial class Libc
{
    internal const ulong UFFD_API = 0xAA;
    internal const int UFFD_USER_MODE_ONLY = 1;

    internal const byte UFFD_EVENT_PAGEFAULT = 0x12;
    internal const byte UFFD_EVENT_FORK = 0x13;
    internal const byte UFFD_EVENT_REMAP = 0x14;
    internal const byte UFFD_EVENT_REMOVE = 0x15;
    internal const byte UFFD_EVENT_UNMAP = 0x16;

    internal const ulong UFFD_FEATURE_EVENT_FORK = 1 << 1;
    internal const ulong UFFD_FEATURE_EVENT_REMAP = 1 << 2;
    internal const ulong UFFD_FEATURE_EVENT_REMOVE = 1 << 3;
    internal const ulong UFFD_FEATURE_MISSING_SHMEM = 1 << 5;
    internal const ulong UFFD_FEATURE_EVENT_UNMAP = 1 << 6;
    internal const ulong UFFD_FEATURE_MINOR_SHMEM = 1 << 10;
    internal const ulong UFFD_FEATURE_WP_HUGETLBFS_SHMEM = 1 << 12;
    internal const ulong UFFD_FEATURE_WP_UNPOPULATED = 1 << 13;
    internal const ulong UFFD_FEATURE_WP_ASYNC = 1 << 15;

    internal const ulong UFFD_PAGEFAULT_FLAG_WP = 1 << 1;

    internal const ulong UFFDIO_REGISTER_MODE_MISSING = 1 << 0;
    internal const ulong UFFDIO_REGISTER_MODE_WP = 1 << 1;
    internal const ulong UFFDIO_REGISTER_MODE_MINOR = 1 << 2;

    internal const uint UFFDIO_API = 0xc018aa3f;
    internal const uint UFFDIO_REGISTER = 0xc020aa00;
    internal const uint UFFDIO_UNREGISTER = 0x8010aa01;
    internal const uint UFFDIO_COPY = 0xc028aa03;
    internal const uint UFFDIO_ZEROPAGE = 0xc020aa04;
    internal const uint UFFDIO_WRITEPROTECT = 0xc018aa06;
    internal const uint UFFDIO_CONTINUE = 0xc020aa07;

    internal static int SYS_userfaultfd => IsX64 ? 323 : 282;
}

/// <summary>What a userfaultfd tells.</summary>
[StructLayout(LayoutKind.Explicit, Size = 32)]
internal struct uffd_msg
{
    [FieldOffset(0)]
    internal byte @event;
    [FieldOffset(8)]
    internal uint fork_ufd;
    [FieldOffset(8)]
    internal ulong remap_from;
    [FieldOffset(16)]
    internal ulong remap_to;
    [FieldOffset(24)]
    internal ulong remap_len;
    [FieldOffset(8)]
    internal ulong remove_start;
    [FieldOffset(16)]
    internal ulong remove_end;
    [FieldOffset(8)]
    internal ulong pagefault_flags;
    [FieldOffset(16)]
    internal ulong pagefault_address;
}

/// <summary>The handshake: what is asked for, and what the kernel has.</summary>
[StructLayout(LayoutKind.Sequential)]
internal struct uffdio_api
{
    internal ulong api;
    internal ulong features;
    internal ulong ioctls;
}

/// <summary>A range of the address space that the userfaultfd belongs to.</summary>
[StructLayout(LayoutKind.Sequential)]
internal struct uffdio_range
{
    internal ulong start;
    internal ulong len;
}

/// <summary>Registers a range.</summary>
[StructLayout(LayoutKind.Sequential)]
internal struct uffdio_register
{
    internal uffdio_range range;
    internal ulong mode;
    internal ulong ioctls;
}

/// <summary>Fills a hole with a copy.</summary>
[StructLayout(LayoutKind.Sequential)]
internal struct uffdio_copy
{
    internal ulong dst;
    internal ulong src;
    internal ulong len;
    internal ulong mode;
    internal long copy;
}

/// <summary>Fills a hole with zeroes.</summary>
[StructLayout(LayoutKind.Sequential)]
internal struct uffdio_zeropage
{
    internal uffdio_range range;
    internal ulong mode;
    internal long zeropage;
}

/// <summary>Protects a range from writing, or lifts that.</summary>
[StructLayout(LayoutKind.Sequential)]
internal struct uffdio_writeprotect
{
    internal uffdio_range range;
    internal ulong mode;
}

/// <summary>Maps pages that the file has already.</summary>
[StructLayout(LayoutKind.Sequential)]
internal struct uffdio_continue
{
    internal uffdio_range range;
    internal ulong mode;
    internal long mapped;
}
