using System.Collections.Concurrent;
using System.Diagnostics;
using Nf.Linux;

namespace Nf.Keeper.Tests.Support;

/// <summary>A real keeper, whose lives are fake ones under the control of the test.</summary>
internal sealed class KeeperProcess : IDisposable
{
    internal const int WaitMs = 20_000;

    private readonly string _directory = Directory.CreateTempSubdirectory("nf-keeper-").FullName;
    private readonly ConcurrentQueue<string> _lines = new();
    private readonly SemaphoreSlim _lineArrived = new(0);
    private readonly SeqPacketSocket _control;
    private readonly Epoll _epoll = new();
    private readonly Process _process;

    internal KeeperProcess(string[]? options = null, string[]? lifeOptions = null, bool startsFakes = true)
    {
        string control = Path.Combine(_directory, "control.sock");
        _control = SeqPacketSocket.Listen(control);
        _epoll.Add(_control.Descriptor, EpollEvents.In, 0);
        string life = Path.Combine(AppContext.BaseDirectory, startsFakes ? "fake-life.dll" : "no-such-program");
        _process = Start(
        [
            "--run", RunDirectory, "--data-plane", life, .. options ?? [],
            "--", "--control", control, .. lifeOptions ?? [],
        ]);
        _process.ErrorDataReceived += (_, e) =>
        {
            if (e.Data is { } line)
            {
                _lines.Enqueue(line);
                _lineArrived.Release();
            }
        };
        _process.BeginErrorReadLine();
    }

    internal string RunDirectory => Path.Combine(_directory, "run");

    internal string SocketPath => Path.Combine(RunDirectory, "keeper.sock");

    internal int Pid => _process.Id;

    internal int OpenFileCount => Directory.GetFiles($"/proc/{Pid}/fd").Length;

    /// <summary>Starts a keeper with the given command line.</summary>
    internal static Process Start(string[] arguments)
    {
        var start = new ProcessStartInfo("dotnet") { RedirectStandardError = true, UseShellExecute = false };
        start.ArgumentList.Add(Path.Combine(AppContext.BaseDirectory, "nf-keeper.dll"));
        foreach (string argument in arguments)
        {
            start.ArgumentList.Add(argument);
        }

        return Process.Start(start)!;
    }

    /// <summary>Waits for the next life to be started, and lets it go on.</summary>
    internal FakeLifeHandle NextLife(string kind = "life")
    {
        Assert.True(_epoll.Wait(new EpollEvent[1], WaitMs) > 0, "no life was started");
        var life = new FakeLifeHandle(_control.Accept());
        life.Command(kind);
        return life;
    }

    /// <summary>Waits for a line on standard error that contains a text.</summary>
    internal string WaitForLine(string text)
    {
        var seen = new List<string>();
        long deadlineMs = Environment.TickCount64 + WaitMs;
        while (_lineArrived.Wait((int)Math.Max(0, deadlineMs - Environment.TickCount64)))
        {
            Assert.True(_lines.TryDequeue(out string? line));
            if (line.Contains(text, StringComparison.Ordinal))
            {
                return line;
            }

            seen.Add(line);
        }

        throw new TimeoutException($"no line with \"{text}\" but:\n{string.Join('\n', seen)}");
    }

    internal void Signal(int signal)
    {
        using PidFd process = PidFd.Open(Pid);
        process.SendSignal(signal);
    }

    internal int WaitForExit()
    {
        Assert.True(_process.WaitForExit(WaitMs), "the keeper goes on");
        return _process.ExitCode;
    }

    public void Dispose()
    {
        _process.Kill(entireProcessTree: true);
        _process.Dispose();
        _control.Dispose();
        _epoll.Dispose();
        _lineArrived.Dispose();
        Directory.Delete(_directory, recursive: true);
    }
}
