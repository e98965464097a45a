namespace Nf.Linux;

/// <summary>The file by which an AF_UNIX socket is found. It outlives its socket, until somebody removes it.</summary>
public static unsafe class UnixSocketFile
{
    /// <summary>Which file is at a path.</summary>
    /// <returns>Null when there is none, or it is no socket.</returns>
    public static FileIdentity? Find(string path)
    {
        ArgumentException.ThrowIfNullOrEmpty(path);
        statx stat = default;

        // SAFETY: stat is a local of the kernel's full struct size.
        if (Libc.statx_path(0, path, Libc.AT_SYMLINK_NOFOLLOW, Libc.STATX_BASIC_STATS, &stat) < 0)
        {
            return Result.LastErrno is Errno.ENOENT or Errno.ENOTDIR
                ? null
                : throw new LinuxException($"statx({path})", Result.LastErrno);
        }

        return (stat.stx_mode & Libc.S_IFMT) == Libc.S_IFSOCK
            ? new FileIdentity(((ulong)stat.stx_dev_major << 32) | stat.stx_dev_minor, stat.stx_ino)
            : null;
    }

    /// <summary>Removes the file at a path if it is still the one meant.</summary>
    /// <returns>False when it was not there any more.</returns>
    public static bool Remove(string path, FileIdentity identity)
    {
        if (Find(path) != identity)
        {
            return false;
        }

        return Libc.unlink(path) == 0 || (Result.LastErrno == Errno.ENOENT
            ? false
            : throw new LinuxException($"unlink({path})", Result.LastErrno));
    }
}
