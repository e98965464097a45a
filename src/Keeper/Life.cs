using System.Diagnostics;
using Nf.Linux;

namespace Nf.Keeper;

/// <summary>One process of the data plane, from its start to its reaping.</summary>
internal sealed class Life : IDisposable
{
    private readonly Process _process;

    private Life(ulong id, Process process, PidFd? pidFd)
    {
        Id = id;
        Pid = process.Id;
        PidFd = pidFd;
        _process = process;
        StartedNs = Clock.MonotonicNs();
    }

    /// <summary>Counts the processes started; not the generation, which only an active life has.</summary>
    internal ulong Id { get; }

    internal int Pid { get; }

    /// <summary>Readable once all its threads have ended; null when that was so before we could look.</summary>
    internal PidFd? PidFd { get; }

    internal long StartedNs { get; }

    internal LifeState State { get; set; } = LifeState.Starting;

    /// <summary>Which turn it had; 0 before.</summary>
    internal ulong Generation { get; set; }

    /// <summary>When its turn began.</summary>
    internal long ActivatedNs { get; set; }

    /// <summary>When it was last heard of.</summary>
    internal long LastHeardNs { get; set; }

    /// <summary>Whether it has said anything as the active life, which shows that it got through adopting.</summary>
    internal bool HasSpoken { get; set; }

    /// <summary>Null before it connected, and after the connection was ended.</summary>
    internal LifeConnection? Connection { get; set; }

    /// <summary>For messages: which life this is.</summary>
    internal string Name => Generation == 0 ? $"spare (pid {Pid})" : $"life {Generation} (pid {Pid})";

    /// <exception cref="System.ComponentModel.Win32Exception">The program cannot be started.</exception>
    internal static Life Start(ulong id, KeeperOptions options)
    {
        Process process = Process.Start(DataPlaneProgram.StartInfo(options))!;
        PidFd? pidFd = null;
        try
        {
            pidFd = PidFd.Open(process.Id);
        }
        catch (LinuxException e) when (e.Errno == Errno.ESRCH)
        {
            // Ended and reaped already.
        }

        // Reaped between the two calls, its number could have become someone else's.
        if (process.HasExited)
        {
            pidFd?.Dispose();
            pidFd = null;
        }

        return new Life(id, process, pidFd);
    }

    /// <summary>SIGKILL; harmless when it has ended.</summary>
    internal void Kill()
    {
        State = LifeState.Leaving;
        try
        {
            _process.Kill();
        }
        catch (InvalidOperationException)
        {
            // Ended meanwhile.
        }
    }

    /// <summary>How the process ended, which it has; waits for the runtime to reap it.</summary>
    internal int ReadExitCode()
    {
        _process.WaitForExit();
        return _process.ExitCode;
    }

    public void Dispose()
    {
        Connection?.Dispose();
        Connection = null;
        PidFd?.Dispose();
        _process.Dispose();
    }
}
