using System.Globalization;

namespace Nf.Linux;

/// <summary>A process that cannot be mistaken for a later one with the same number.</summary>
public sealed unsafe class PidFd : IDisposable
{
    internal PidFd(FileDescriptor descriptor) => Descriptor = descriptor;

    /// <summary>For polling: readable once the process has ended.</summary>
    public FileDescriptor Descriptor { get; }

    /// <summary>Whether the process has ended (it may still be a zombie).</summary>
    public bool HasExited
    {
        get
        {
            var poll = new pollfd { fd = Descriptor.Number, events = Libc.POLLIN };

            // SAFETY: poll is one local entry, and the count says one.
            int ready = Result.Check(Libc.poll(&poll, 1, 0), "poll(pidfd)");
            GC.KeepAlive(this);
            return ready > 0;
        }
    }

    /// <summary>Its number in this process's pid namespace; 0 when it is in another one, -1 when it is gone.</summary>
    public int Pid => ParsePid(Descriptor.OpenFileInfo);

    /// <summary>What tells processes apart, never used twice while the machine runs; null where the kernel has no such
    /// thing (before 6.9 all pidfds were of one file).</summary>
    public FileIdentity? Identity => Descriptor.HasFileOfItsOwn ? Descriptor.Identity : null;

    /// <summary>Refers to a running process.</summary>
    /// <exception cref="LinuxException">ESRCH when there is none with that number.</exception>
    public static PidFd Open(int pid) => new(new FileDescriptor((int)Result.Check(
        Libc.syscall6(Libc.SYS_pidfd_open, pid, 0, 0, 0, 0, 0), $"pidfd_open({pid})")));

    /// <summary>Takes over a received descriptor.</summary>
    /// <exception cref="ArgumentException">It is not a pidfd; the descriptor stays the caller's.</exception>
    public static PidFd Adopt(FileDescriptor descriptor)
    {
        ArgumentNullException.ThrowIfNull(descriptor);
        string target = descriptor.Target;

        // An anonymous inode up to 6.8, a file of pidfs since.
        if (target != "anon_inode:[pidfd]" && !target.StartsWith("pidfd:", StringComparison.Ordinal))
        {
            throw new ArgumentException($"descriptor is {target}, expected a pidfd", nameof(descriptor));
        }

        return new PidFd(descriptor);
    }

    /// <summary>Sends a signal; false when the process has already ended.</summary>
    public bool SendSignal(int signal)
    {
        if (Libc.syscall_fd(Libc.SYS_pidfd_send_signal, Descriptor, signal, 0, 0) == 0)
        {
            return true;
        }

        if (Result.LastErrno != Errno.ESRCH)
        {
            Result.Throw($"pidfd_send_signal({signal})");
        }

        return false;
    }

    /// <summary>The number in the text of /proc/self/fdinfo; -1 when there is none.</summary>
    internal static int ParsePid(string info)
    {
        const string Field = "Pid:";
        foreach (string line in info.Split('\n'))
        {
            if (line.StartsWith(Field, StringComparison.Ordinal)
                && int.TryParse(line[Field.Length..].Trim(), CultureInfo.InvariantCulture, out int pid))
            {
                return pid;
            }
        }

        return -1;
    }

    /// <inheritdoc/>
    public void Dispose() => Descriptor.Dispose();
}
