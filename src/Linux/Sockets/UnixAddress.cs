using System.Text;

namespace Nf.Linux;

/// <summary>Binding and connecting AF_UNIX sockets by path.</summary>
internal static unsafe class UnixAddress
{
    /// <summary>Connects; a failure names the path.</summary>
    internal static void Connect(FileDescriptor socket, string path)
    {
        sockaddr_un address = ForPath(path);
        int result;
        do
        {
            // SAFETY: address is a local of the size given; the path in it ends in a zero byte.
            result = Libc.connect(socket, &address, (uint)sizeof(sockaddr_un));
        }
        while (result < 0 && Result.LastErrno == Errno.EINTR);

        Result.Check(result, $"connect({path})");
    }

    /// <summary>
    /// Binds and listens; at no moment is the file more accessible than <paramref name="mode"/>. A socket file that
    /// nobody listens on any more is replaced.
    /// </summary>
    internal static void Listen(FileDescriptor socket, string path, int type, int mode, int backlog)
    {
        RemoveStale(path, type);
        sockaddr_un address = ForPath(path);

        // On Linux bind gives the new file the mode of the socket, less the umask; chmod then adds what that took.
        Result.Check(Libc.fchmod(socket, (uint)mode), $"fchmod({path})");

        // SAFETY: address is a local of the size given; the path in it ends in a zero byte.
        Result.Check(Libc.bind(socket, &address, (uint)sizeof(sockaddr_un)), $"bind({path})");
        Result.Check(Libc.chmod(path, (uint)mode), $"chmod({path})");
        Result.Check(Libc.listen(socket, backlog), $"listen({path})");
    }

    private static void RemoveStale(string path, int type)
    {
        using var probe = FileDescriptor.Socket(Libc.AF_UNIX, type | Libc.SOCK_NONBLOCK);
        sockaddr_un address = ForPath(path);

        // SAFETY: address is a local of the size given; the path in it ends in a zero byte.
        int result = Libc.connect(probe, &address, (uint)sizeof(sockaddr_un));

        // Refused: a socket file without a listener. Anything else is left for bind to judge.
        if (result < 0 && Result.LastErrno == Errno.ECONNREFUSED)
        {
            statx stat = default;

            // SAFETY: stat is a local of the kernel's full struct size.
            Result.Check(Libc.statx_path(0, path, 0, Libc.STATX_BASIC_STATS, &stat), $"statx({path})");
            if ((stat.stx_mode & Libc.S_IFMT) == Libc.S_IFSOCK)
            {
                Result.Check(Libc.unlink(path), $"unlink({path})");
            }
        }
    }

    private static sockaddr_un ForPath(string path)
    {
        ArgumentException.ThrowIfNullOrEmpty(path);
        if (!Path.IsPathRooted(path))
        {
            throw new ArgumentException($"socket path {path} is not absolute", nameof(path));
        }

        int bytes = Encoding.UTF8.GetByteCount(path);
        if (bytes >= sockaddr_un.PathBytesMax)
        {
            throw new ArgumentException(
                $"socket path {path} has {bytes} bytes, the limit is {sockaddr_un.PathBytesMax - 1}", nameof(path));
        }

        var address = new sockaddr_un { sun_family = Libc.AF_UNIX };

        // SAFETY: address is a local; the path is shorter than the field, so a zero byte remains behind it.
        Encoding.UTF8.GetBytes(path, new Span<byte>(address.sun_path, sockaddr_un.PathBytesMax));
        return address;
    }
}
