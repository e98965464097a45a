using System.Runtime.CompilerServices;

namespace Nf.Linux;

/// <summary>A counter that can be waited for: one side signals, the other drains.</summary>
public sealed unsafe class EventFd : IDisposable
{
    // Whether somebody else has the open file, and decides whether a write to it waits.
    private readonly bool _isShared;

    private EventFd(FileDescriptor descriptor, bool isShared)
    {
        Descriptor = descriptor;
        _isShared = isShared;
    }

    /// <summary>For polling and for sending to another process.</summary>
    public FileDescriptor Descriptor { get; }

    /// <summary>A new, non-blocking eventfd with the count at zero.</summary>
    public static EventFd Create() =>
        new(
            new FileDescriptor(Result.Check(Libc.eventfd(0, Libc.EFD_CLOEXEC | Libc.EFD_NONBLOCK), "eventfd")),
            isShared: false);

    /// <summary>Takes over a received descriptor. Signalling it never waits, whatever its sender does to the open
    /// file.</summary>
    /// <exception cref="ArgumentException">It is not an eventfd; the descriptor stays the caller's.</exception>
    public static EventFd Adopt(FileDescriptor descriptor)
    {
        ArgumentNullException.ThrowIfNull(descriptor);
        string target = descriptor.Target;
        if (target != "anon_inode:[eventfd]")
        {
            throw new ArgumentException($"descriptor is {target}, expected an eventfd", nameof(descriptor));
        }

        // For kernels without asynchronous I/O, where it is the best there is.
        descriptor.SetNonBlocking(true);
        return new EventFd(descriptor, isShared: true);
    }

    /// <summary>Tells whether signals to received descriptors never wait here.</summary>
    /// <exception cref="LinuxException">They may: why the kernel refuses.</exception>
    public static void ProbeSharedSignals()
    {
        using EventFd probe = Create();
        if (!KernelSignal.OfThread.TryAdd(probe.Descriptor))
        {
            throw new LinuxException("io_setup", KernelSignal.OfThread.Refusal);
        }
    }

    /// <summary>Adds one to the count and wakes whoever waits.</summary>
    /// <returns>False when the count is known to be full, which a waiter sees as signalled all the same.</returns>
    [MethodImpl(MethodImplOptions.NoInlining)]
    public bool Signal()
    {
        if (_isShared && KernelSignal.OfThread.TryAdd(Descriptor))
        {
            return true;
        }

        ulong one = 1;

        // SAFETY: one is a local of the 8 bytes an eventfd takes.
        while (Libc.write(Descriptor, &one, sizeof(ulong)) < 0)
        {
            Errno errno = Result.LastErrno;
            if (errno == Errno.EAGAIN)
            {
                return false;
            }

            if (errno != Errno.EINTR)
            {
                Result.Throw("write(eventfd)");
            }
        }

        return true;
    }

    /// <summary>Takes the whole count, leaving zero.</summary>
    /// <returns>False when nobody has signalled.</returns>
    [MethodImpl(MethodImplOptions.NoInlining)]
    public bool TryDrain()
    {
        const long CurrentPosition = -1;
        ulong count;
        var piece = new iovec { iov_base = &count, iov_len = sizeof(ulong) };

        // Not read: whoever sent the descriptor shares the open file, and could make it wait again at any time.
        // SAFETY: count is a local of the 8 bytes an eventfd returns.
        while (Libc.preadv2(Descriptor, &piece, 1, CurrentPosition, Libc.RWF_NOWAIT) < 0)
        {
            Errno errno = Result.LastErrno;
            if (errno == Errno.EAGAIN)
            {
                return false;
            }

            if (errno != Errno.EINTR)
            {
                Result.Throw("preadv2(eventfd)");
            }
        }

        return true;
    }

    /// <inheritdoc/>
    public void Dispose() => Descriptor.Dispose();
}
