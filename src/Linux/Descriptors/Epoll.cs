using System.Diagnostics;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace Nf.Linux;

/// <summary>What to wait for, and what happened (EPOLLIN … of sys/epoll.h).</summary>
[Flags]
public enum EpollEvents : uint
{
    None = 0,
    In = 0x1,
    Priority = 0x2,
    Out = 0x4,

    /// <summary>Always reported, never asked for.</summary>
    Error = 0x8,

    /// <summary>Always reported, never asked for.</summary>
    HangUp = 0x10,
    ReadHangUp = 0x2000,
    OneShot = 1u << 30,
    EdgeTriggered = 1u << 31,
}

/// <summary>Something happened to a descriptor.</summary>
/// <param name="Events">What.</param>
/// <param name="Token">To which: the value given when it was added.</param>
public readonly record struct EpollEvent(EpollEvents Events, ulong Token);

/// <summary>Waits for many descriptors at once.</summary>
public sealed unsafe class Epoll : IDisposable
{
    /// <summary>Most events one <see cref="Wait"/> returns; more stay for the next call.</summary>
    public const int EventCountMax = 64;

    private const int TokenOffsetX64 = 4;
    private const int EventBytesX64 = 12;
    private const int TokenOffsetOther = 8;
    private const int EventBytesOther = 16;

    // struct epoll_event is packed on x86-64 only.
    private static readonly int TokenOffset = IsX64 ? TokenOffsetX64 : TokenOffsetOther;
    private static readonly int EventBytes = IsX64 ? EventBytesX64 : EventBytesOther;

    private readonly FileDescriptor _descriptor =
        new(Result.Check(Libc.epoll_create1(Libc.EPOLL_CLOEXEC), "epoll_create1"));

    private static bool IsX64 => RuntimeInformation.ProcessArchitecture == Architecture.X64;

    /// <summary>The epoll itself, which another epoll may wait for.</summary>
    public FileDescriptor Descriptor => _descriptor;

    /// <summary>Starts waiting for a descriptor; the caller removes it before closing it.</summary>
    public void Add(FileDescriptor fd, EpollEvents events, ulong token) =>
        Control(Libc.EPOLL_CTL_ADD, fd, events, token, "epoll_ctl(EPOLL_CTL_ADD)");

    /// <summary>Changes what is waited for, or the token.</summary>
    public void Modify(FileDescriptor fd, EpollEvents events, ulong token) =>
        Control(Libc.EPOLL_CTL_MOD, fd, events, token, "epoll_ctl(EPOLL_CTL_MOD)");

    /// <summary>Stops waiting for a descriptor.</summary>
    public void Remove(FileDescriptor fd) =>
        Control(Libc.EPOLL_CTL_DEL, fd, EpollEvents.None, 0, "epoll_ctl(EPOLL_CTL_DEL)");

    /// <summary>Waits until something happens; a signal does not end the wait.</summary>
    /// <param name="events">Receives what happened; at most <see cref="EventCountMax"/> entries are used.</param>
    /// <param name="timeoutMs">Longest wait in milliseconds; 0 only looks, -1 waits for ever.</param>
    /// <returns>How many entries of <paramref name="events"/> are filled; 0 after the timeout.</returns>
    [MethodImpl(MethodImplOptions.NoInlining)]
    public int Wait(Span<EpollEvent> events, int timeoutMs)
    {
        ArgumentOutOfRangeException.ThrowIfZero(events.Length, nameof(events));
        int limit = Math.Min(events.Length, EventCountMax);
        byte* raw = stackalloc byte[EventCountMax * EventBytesOther];
        long start = timeoutMs > 0 ? Stopwatch.GetTimestamp() : 0;
        int remainingMs = timeoutMs;
        int count;

        // SAFETY: raw has room for EventCountMax events of the larger layout, and limit is no more than that.
        while ((count = Libc.epoll_wait(_descriptor, raw, limit, remainingMs)) < 0)
        {
            if (Result.LastErrno != Errno.EINTR)
            {
                Result.Throw("epoll_wait");
            }

            if (timeoutMs > 0)
            {
                remainingMs = (int)Math.Max(0, timeoutMs - Stopwatch.GetElapsedTime(start).TotalMilliseconds);
            }
        }

        for (int i = 0; i < count; i++)
        {
            byte* entry = raw + (i * EventBytes);

            // SAFETY: entry is one of the count events the kernel wrote; the loads may be unaligned on x86-64.
            events[i] = new EpollEvent(
                (EpollEvents)Unsafe.ReadUnaligned<uint>(entry),
                Unsafe.ReadUnaligned<ulong>(entry + TokenOffset));
        }

        return count;
    }

    /// <inheritdoc/>
    public void Dispose() => _descriptor.Dispose();

    private void Control(int operation, FileDescriptor fd, EpollEvents events, ulong token, string call)
    {
        ArgumentNullException.ThrowIfNull(fd);
        byte* change = stackalloc byte[EventBytesOther];

        // SAFETY: change has room for the larger of the two layouts of struct epoll_event.
        Unsafe.WriteUnaligned(change, (uint)events);
        Unsafe.WriteUnaligned(change + TokenOffset, token);
        Result.Check(Libc.epoll_ctl(_descriptor, operation, fd, change), call);
    }
}
