using System.Globalization;

namespace Nf.Linux;

/// <summary>
/// Tells of what a process does to its address space, to whoever holds the descriptor: the process waits in munmap,
/// madvise or mremap until its message is taken.
/// </summary>
/// <remarks>
/// <para>
/// Readable means that something is about to change, or has changed while its owner waits: whoever uses the memory lets
/// go first and calls <see cref="TryRead"/> afterwards. Nothing is told of exit, exec, or changes through the file.
/// </para>
/// <para>
/// What works on a range (<see cref="CheckRegistered"/>, <see cref="Unregister"/>, <see cref="Answer"/>), and closing
/// the last copy, takes the lock of the other process's address space, which that process can hold for as long as it
/// likes. So a thread that must not wait calls none of these.
/// </para>
/// </remarks>
public sealed unsafe partial class Userfaultfd : IDisposable
{
    private const string KernelName = "anon_inode:[userfaultfd]";

    // UFFD_FEATURE_INITIALIZED, the kernel's own mark (fs/userfaultfd.c).
    private const ulong InitializedBit = 1UL << 31;

    private Userfaultfd(FileDescriptor descriptor, UserfaultFeatures features)
    {
        Descriptor = descriptor;
        Features = features;
    }

    /// <summary>For polling and for sending to another process.</summary>
    public FileDescriptor Descriptor { get; }

    /// <summary>What its maker asked to be told of.</summary>
    public UserfaultFeatures Features { get; }

    /// <summary>One for this process.</summary>
    /// <param name="features">What to tell of.</param>
    /// <exception cref="LinuxException">
    /// ENOSYS without it in the kernel, EPERM where it is not for us, EINVAL for a feature the kernel lacks.
    /// </exception>
    public static Userfaultfd Create(UserfaultFeatures features)
    {
        int flags = Libc.O_CLOEXEC | Libc.O_NONBLOCK | Libc.UFFD_USER_MODE_ONLY;
        var descriptor = new FileDescriptor((int)Result.Check(
            Libc.syscall6(Libc.SYS_userfaultfd, flags, 0, 0, 0, 0, 0), "userfaultfd"));
        try
        {
            var api = new uffdio_api { api = Libc.UFFD_API, features = (ulong)features };

            // SAFETY: api is a local of the size that the request names.
            Result.Check(Libc.ioctl(descriptor, Libc.UFFDIO_API, &api), "ioctl(UFFDIO_API)");
            return new Userfaultfd(descriptor, features);
        }
        catch
        {
            descriptor.Dispose();
            throw;
        }
    }

    /// <summary>Takes over a received descriptor.</summary>
    /// <exception cref="ArgumentException">It is something else; the descriptor stays the caller's.</exception>
    public static Userfaultfd Adopt(FileDescriptor descriptor)
    {
        ArgumentNullException.ThrowIfNull(descriptor);
        string target = descriptor.Target;
        return target == KernelName
            ? new Userfaultfd(descriptor, ParseFeatures(descriptor.OpenFileInfo))
            : throw new ArgumentException($"descriptor is {target}, expected a userfaultfd", nameof(descriptor));
    }

    /// <summary>Whether there is such a thing in this kernel at all.</summary>
    public static bool IsSupported
    {
        get
        {
            // A flag that does not exist: refused where the call does.
            const int NoSuchFlag = 1 << 30;
            return Libc.syscall6(Libc.SYS_userfaultfd, NoSuchFlag, 0, 0, 0, 0, 0) >= 0
                || Result.LastErrno != Errno.ENOSYS;
        }
    }

    /// <summary>What can be had now: <see cref="EpollEvents.In"/> for a message; <see cref="EpollEvents.Error"/> when
    /// somebody who shares it made it blocking, after which it can be waited for no longer.</summary>
    public EpollEvents Poll()
    {
        var poll = new pollfd { fd = Descriptor.Number, events = Libc.POLLIN };

        // SAFETY: poll is one local entry, and the count says one.
        Result.Check(Libc.poll(&poll, 1, 0), "poll(userfaultfd)");
        GC.KeepAlive(this);
        return (EpollEvents)(ushort)poll.revents;
    }

    /// <summary>Takes one message, which lets its cause go on. Never waits.</summary>
    /// <param name="message">What happened. The descriptor that a fork brings is the caller's.</param>
    /// <returns>False when there is none.</returns>
    /// <exception cref="LinuxException">EINVAL when it was never set up; EMFILE when a fork cannot be told of.
    /// </exception>
    public bool TryRead(out UserfaultMessage message)
    {
        Span<byte> bytes = stackalloc byte[UserfaultMessage.Bytes];
        message = default;
        try
        {
            message = Descriptor.ReadNow(bytes) == bytes.Length ? UserfaultMessage.Parse(bytes) : default;
            return true;
        }
        catch (LinuxException e) when (e.Errno == Errno.EAGAIN)
        {
            return false;
        }
        catch (LinuxException e) when (e.Errno == Errno.EOPNOTSUPP)
        {
            return TryReadOlder(bytes, out message);
        }
    }

    /// <summary>Makes an owner of the descriptor that a fork brought.</summary>
    public static FileDescriptor TakeChild(in UserfaultMessage message)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(message.ChildNumber, nameof(message));
        return new FileDescriptor(message.ChildNumber);
    }

    /// <inheritdoc/>
    public void Dispose() => Descriptor.Dispose();

    /// <summary>The features in the text of /proc/self/fdinfo; none when there are none.</summary>
    internal static UserfaultFeatures ParseFeatures(string info)
    {
        const string Field = "API:";
        foreach (string line in info.Split('\n'))
        {
            string[] parts = line.StartsWith(Field, StringComparison.Ordinal) ? line[Field.Length..].Split(':') : [];
            if (parts.Length == 3
                && ulong.TryParse(parts[1], NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out ulong f))
            {
                return (UserfaultFeatures)(f & ~InitializedBit);
            }
        }

        return UserfaultFeatures.None;
    }

    // Kernels before 6.10 do not promise it for a single read.
    private bool TryReadOlder(Span<byte> bytes, out UserfaultMessage message)
    {
        message = default;
        Descriptor.SetNonBlocking(true);
        try
        {
            message = Descriptor.Read(bytes) == bytes.Length ? UserfaultMessage.Parse(bytes) : default;
            return true;
        }
        catch (LinuxException e) when (e.Errno == Errno.EAGAIN)
        {
            return false;
        }
    }
}
