using System.Text;

namespace Nf.Linux;

/// <summary>Tells when work waits for memory (pressure stall information, Linux 5.2+).</summary>
public sealed class MemoryPressure : IDisposable
{
    /// <summary>The whole machine's; a memory cgroup (v2) has a memory.pressure of its own.</summary>
    public const string MachinePath = "/proc/pressure/memory";

    // Without CAP_SYS_RESOURCE a window is a multiple of two seconds (6.5+).
    private const int WindowMicroseconds = 2_000_000;

    private readonly FileDescriptor _trigger;
    private readonly Epoll _epoll = new();

    private MemoryPressure(FileDescriptor trigger)
    {
        _trigger = trigger;

        // What tells is EPOLLPRI; the file is always readable. An epoll of its own makes one out of the other.
        _epoll.Add(trigger, EpollEvents.Priority, 0);
    }

    /// <summary>For polling: readable when there is pressure, at most once in two seconds.</summary>
    public FileDescriptor Descriptor => _epoll.Descriptor;

    /// <summary>Watches.</summary>
    /// <param name="stall">How long some work must have waited within two seconds.</param>
    /// <param name="path">Of the machine or of a group.</param>
    /// <exception cref="LinuxException">ENOENT or EOPNOTSUPP without it in the kernel, EPERM or EINVAL where a trigger
    /// is not for us.</exception>
    public static MemoryPressure Watch(TimeSpan stall, string path = MachinePath)
    {
        int microseconds = (int)stall.TotalMicroseconds;
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(microseconds, nameof(stall));
        ArgumentOutOfRangeException.ThrowIfGreaterThan(microseconds, WindowMicroseconds, nameof(stall));
        FileDescriptor trigger = FileDescriptor.Open(path, Libc.O_RDWR | Libc.O_NONBLOCK);
        try
        {
            trigger.Write(Encoding.ASCII.GetBytes($"some {microseconds} {WindowMicroseconds}\0"));
            return new MemoryPressure(trigger);
        }
        catch
        {
            trigger.Dispose();
            throw;
        }
    }

    /// <summary>Makes <see cref="Descriptor"/> wait for the next time.</summary>
    public void Take() => _epoll.Wait(stackalloc EpollEvent[1], 0);

    /// <inheritdoc/>
    public void Dispose()
    {
        _epoll.Dispose();
        _trigger.Dispose();
    }
}
