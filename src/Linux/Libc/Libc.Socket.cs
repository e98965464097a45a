using System.Runtime.InteropServices;

namespace Nf.Linux;

// sys/socket.h, sys/un.h
public static unsafe partial class Libc
{
    public const int SOL_SOCKET = 1;
    public const int SO_ERROR = 4;
    public const int SO_SNDBUF = 7;
    public const int SO_RCVBUF = 8;
    public const int SO_PRIORITY = 12;
    public const int SO_PEERCRED = 17;
    public const int SO_BINDTODEVICE = 25;
    public const int SO_SNDBUFFORCE = 32;
    public const int SO_RCVBUFFORCE = 33;
    public const int SO_MARK = 36;
    public const int SO_PROTOCOL = 38;
    public const int SO_DOMAIN = 39;
    public const int SO_BUSY_POLL = 46;
    public const int SO_INCOMING_NAPI_ID = 56;
    public const int SO_PREFER_BUSY_POLL = 69;
    public const int SO_BINDTOIFINDEX = 62;
    public const int SO_BUSY_POLL_BUDGET = 70;
    public const int SO_PEERPIDFD = 77;

    /// <summary>Opens the network namespace of a socket (linux/sockios.h).</summary>
    internal const uint SIOCGSKNS = 0x894C;

    internal const int AF_UNIX = 1;
    internal const int AF_INET = 2;
    internal const int AF_BRIDGE = 7;
    internal const int AF_NETLINK = 16;
    internal const int AF_PACKET = 17;
    internal const int AF_XDP = 44;

    internal const int SOCK_STREAM = 1;
    internal const int SOCK_DGRAM = 2;
    internal const int SOCK_RAW = 3;
    internal const int SOCK_SEQPACKET = 5;
    internal const int SOCK_NONBLOCK = 0x800;
    internal const int SOCK_CLOEXEC = 0x80000;

    internal const int SCM_RIGHTS = 1;
    internal const int SCM_MAX_FD = 253;

    internal const int MSG_CTRUNC = 0x8;
    internal const int MSG_TRUNC = 0x20;
    internal const int MSG_DONTWAIT = 0x40;
    internal const int MSG_NOSIGNAL = 0x4000;
    internal const int MSG_CMSG_CLOEXEC = 0x40000000;

    [LibraryImport("libc", SetLastError = true)]
    internal static partial int socket(int domain, int type, int protocol);

    [LibraryImport("libc", SetLastError = true)]
    internal static partial int socketpair(int domain, int type, int protocol, int* pair);

    [LibraryImport("libc", SetLastError = true)]
    internal static partial int bind(FileDescriptor fd, void* address, uint length);

    [LibraryImport("libc", SetLastError = true)]
    internal static partial int listen(FileDescriptor fd, int backlog);

    [LibraryImport("libc", SetLastError = true)]
    internal static partial int connect(FileDescriptor fd, void* address, uint length);

    [LibraryImport("libc", SetLastError = true)]
    internal static partial int accept4(FileDescriptor fd, void* address, uint* length, int flags);

    [LibraryImport("libc", SetLastError = true)]
    internal static partial int shutdown(FileDescriptor fd, int how);

    [LibraryImport("libc", SetLastError = true)]
    internal static partial int setsockopt(FileDescriptor fd, int level, int name, void* value, uint length);

    [LibraryImport("libc", SetLastError = true)]
    internal static partial int getsockopt(FileDescriptor fd, int level, int name, void* value, uint* length);

    [LibraryImport("libc", SetLastError = true)]
    internal static partial nint sendmsg(FileDescriptor fd, msghdr* message, int flags);

    [LibraryImport("libc", SetLastError = true)]
    internal static partial nint recvmsg(FileDescriptor fd, msghdr* message, int flags);

    [LibraryImport("libc", SetLastError = true)]
    internal static partial nint sendto(
        FileDescriptor fd, void* buffer, nuint length, int flags, void* address, uint addressLength);

    [LibraryImport("libc", SetLastError = true)]
    internal static partial nint recvfrom(
        FileDescriptor fd, void* buffer, nuint length, int flags, void* address, uint* addressLength);
}

/// <summary>Address of an AF_UNIX socket.</summary>
[StructLayout(LayoutKind.Sequential)]
internal unsafe struct sockaddr_un
{
    internal const int PathBytesMax = 108;

    internal ushort sun_family;
    internal fixed byte sun_path[PathBytesMax];
}

/// <summary>Credentials of the other end of an AF_UNIX socket, as they were when it connected.</summary>
[StructLayout(LayoutKind.Sequential)]
internal struct ucred
{
    internal int pid;
    internal uint uid;
    internal uint gid;
}

/// <summary>One piece of memory of a scattered read or write.</summary>
[StructLayout(LayoutKind.Sequential)]
internal unsafe struct iovec
{
    internal void* iov_base;
    internal nuint iov_len;
}

/// <summary>Message with control data (glibc's layout on 64-bit machines).</summary>
[StructLayout(LayoutKind.Sequential)]
internal unsafe struct msghdr
{
    internal void* msg_name;
    internal uint msg_namelen;
    internal iovec* msg_iov;
    internal nuint msg_iovlen;
    internal void* msg_control;
    internal nuint msg_controllen;
    internal int msg_flags;
}

/// <summary>Header of one piece of control data.</summary>
[StructLayout(LayoutKind.Sequential)]
internal struct cmsghdr
{
    internal nuint cmsg_len;
    internal int cmsg_level;
    internal int cmsg_type;
}
