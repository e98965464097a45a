using System.Runtime.CompilerServices;
using Microsoft.Win32.SafeHandles;

namespace Nf.Linux;

/// <summary>Has the kernel add one to an eventfd: the only way to signal that cannot wait, whoever shares the open
/// file.</summary>
/// <remarks>
/// <para>
/// A write to an eventfd waits while its count is full, unless O_NONBLOCK is set; but that belongs to the open file,
/// and whoever sent the descriptor can clear it in the very moment of the write. A flag of a single write
/// (RWF_NOWAIT) the kernel refuses for eventfds. What never waits is the kernel's own signal, with which it tells of
/// operations that are done (aio_resfd of io_submit(2)): a full count stays full. So an operation that does nothing,
/// a write of no bytes to /dev/null, is asked for; it is done before io_submit returns. That costs about 0.7 µs more
/// than a write.
/// </para>
/// <para>One per thread; its context is destroyed some time after the thread is over.</para>
/// </remarks>
internal sealed unsafe class KernelSignal : SafeHandleZeroOrMinusOneIsInvalid
{
    /// <summary>Operations between two times of taking what is known to be done. Arbitrary.</summary>
    private const int TakeEvery = 32;

    /// <summary>Operations that the context has room for.</summary>
    private const int RoomMin = 2 * TakeEvery;

    [ThreadStatic]
    private static KernelSignal? _ofThread;

    // Never closed: threads that end use it to the last.
    private static readonly Lazy<FileDescriptor> Sink = new(() => FileDescriptor.Open("/dev/null", Libc.O_WRONLY));

    private int _untaken;

    internal KernelSignal()
        : base(ownsHandle: true)
    {
        nint context = 0;

        // SAFETY: the kernel writes one context number into a local.
        if (Libc.syscall6(Libc.SYS_io_setup, RoomMin, (nint)(&context), 0, 0, 0, 0) == 0)
        {
            SetHandle(context);
        }
        else
        {
            Refusal = Result.LastErrno;
        }
    }

    /// <summary>The one of this thread.</summary>
    internal static KernelSignal OfThread => _ofThread ??= new KernelSignal();

    /// <summary>Why it cannot be used: no asynchronous I/O in this kernel (ENOSYS), or not for us.</summary>
    internal Errno Refusal { get; }

    /// <summary>Signals.</summary>
    /// <param name="eventFd">An eventfd.</param>
    /// <returns>False when it cannot be done this way.</returns>
    [MethodImpl(MethodImplOptions.NoInlining)]
    internal bool TryAdd(FileDescriptor eventFd)
    {
        if (IsInvalid)
        {
            return false;
        }

        bool isHeld = false;
        try
        {
            // Not closed, and its number given to another file, while the kernel looks it up.
            eventFd.DangerousAddRef(ref isHeld);
            return Submit(eventFd.Number);
        }
        finally
        {
            if (isHeld)
            {
                eventFd.DangerousRelease();
            }
        }
    }

    /// <inheritdoc/>
    protected override bool ReleaseHandle() => Libc.syscall6(Libc.SYS_io_destroy, handle, 0, 0, 0, 0, 0) == 0;

    private bool Submit(int eventFd)
    {
        var nothing = new iocb
        {
            aio_lio_opcode = Libc.IOCB_CMD_PWRITE,
            aio_fildes = Sink.Value.Number,
            aio_flags = Libc.IOCB_FLAG_RESFD,
            aio_resfd = eventFd,
        };
        iocb* list = &nothing;

        if (++_untaken >= TakeEvery)
        {
            Take();
        }

        // SAFETY: the kernel reads one operation, a local, during the call; it has no buffer.
        if (Libc.syscall6(Libc.SYS_io_submit, handle, 1, (nint)(&list), 0, 0, 0) == 1)
        {
            return true;
        }

        // No memory, or no room although there must be: once more with all of it.
        Take();
        return Libc.syscall6(Libc.SYS_io_submit, handle, 1, (nint)(&list), 0, 0, 0) == 1;
    }

    // Makes room for others.
    private void Take()
    {
        io_event* done = stackalloc io_event[RoomMin];

        // SAFETY: the kernel writes at most as many events as there is room for.
        Libc.syscall6(Libc.SYS_io_getevents, handle, 0, RoomMin, (nint)done, 0, 0);
        _untaken = 0;
    }
}
