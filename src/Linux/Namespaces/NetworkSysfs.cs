using System.Text;

namespace Nf.Linux;

/// <summary>
/// The sysfs of one network namespace. What is mounted on /sys shows the interfaces of the namespace it was mounted in,
/// whichever the reader is in; this is a mount of its own that appears in no directory and ends with the descriptor.
/// </summary>
public sealed unsafe class NetworkSysfs : IDisposable
{
    // Attributes are one page at most.
    private const int AttributeBytesMax = 4096;

    private readonly FileDescriptor _root;

    private NetworkSysfs(FileDescriptor root) => _root = root;

    /// <summary>Mounts the sysfs of the calling thread's network namespace.</summary>
    /// <remarks>
    /// Without CAP_SYS_ADMIN this is /sys, which may be that of another namespace: compare class/net/NAME/ifindex.
    /// </remarks>
    /// <exception cref="LinuxException">Neither can be opened.</exception>
    public static NetworkSysfs Open()
    {
        nint result = Libc.fsopen("sysfs", Libc.FSOPEN_CLOEXEC);
        if (result < 0 && Result.LastErrno is Errno.EPERM or Errno.ENOSYS)
        {
            return new NetworkSysfs(FileDescriptor.Open("/sys", Libc.O_PATH));
        }

        using var context = new FileDescriptor((int)Result.Check(result, "fsopen(sysfs)"));
        Result.Check(
            Libc.fsconfig(context, Libc.FSCONFIG_CMD_CREATE, 0, 0, 0), "fsconfig(sysfs, FSCONFIG_CMD_CREATE)");
        return new NetworkSysfs(new FileDescriptor((int)Result.Check(
            Libc.fsmount(context, Libc.FSMOUNT_CLOEXEC, Libc.MOUNT_ATTR_NOSUID_NODEV_NOEXEC), "fsmount(sysfs)")));
    }

    /// <summary>Reads an attribute without its line end.</summary>
    /// <param name="path">Relative, as in <c>class/net/eth0/mtu</c>.</param>
    /// <returns>Null when there is no such attribute, or the device has no answer (EINVAL, EOPNOTSUPP).</returns>
    public string? TryRead(string path)
    {
        try
        {
            using FileDescriptor file = Open(path, Libc.O_RDONLY);
            byte[] buffer = new byte[AttributeBytesMax];
            return Encoding.UTF8.GetString(buffer, 0, file.Read(buffer)).TrimEnd('\n');
        }
        catch (LinuxException failure) when (
            failure.Errno is Errno.ENOENT or Errno.ENODEV or Errno.EINVAL or Errno.EOPNOTSUPP)
        {
            return null;
        }
    }

    /// <summary>Writes an attribute.</summary>
    /// <param name="path">Relative.</param>
    /// <param name="value">Decimal text, usually.</param>
    /// <exception cref="LinuxException">
    /// ENOENT, EPERM without CAP_NET_ADMIN, EINVAL and ERANGE for bad values.
    /// </exception>
    public void Write(string path, string value)
    {
        using FileDescriptor file = Open(path, Libc.O_WRONLY);
        file.Write(Encoding.UTF8.GetBytes(value));
    }

    /// <inheritdoc/>
    public void Dispose() => _root.Dispose();

    private FileDescriptor Open(string path, int flags)
    {
        ArgumentException.ThrowIfNullOrEmpty(path);
        return new FileDescriptor(
            Result.Check(Libc.openat(_root, path, flags | Libc.O_CLOEXEC), $"openat(sysfs, {path})"));
    }
}
