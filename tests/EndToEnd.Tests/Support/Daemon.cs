using System.Collections.Concurrent;
using System.Diagnostics;

namespace Nf.EndToEnd.Tests.Support;

/// <summary>A process that runs beside the test; it is ended by its own pid, and what it said is kept.</summary>
internal sealed class Daemon : IAsyncDisposable
{
    private static readonly TimeSpan Grace = TimeSpan.FromSeconds(15);

    private readonly Process _process;
    private readonly ConcurrentQueue<string> _lines = new();

    private Daemon(string name, Process process)
    {
        Name = name;
        _process = process;
        Pid = process.Id;
        process.OutputDataReceived += (_, line) => Keep(line.Data);
        process.ErrorDataReceived += (_, line) => Keep(line.Data);
        process.BeginOutputReadLine();
        process.BeginErrorReadLine();
    }

    internal string Name { get; }

    internal int Pid { get; }

    internal bool HasExited => _process.HasExited;

    /// <summary>Every line it wrote so far, of both streams.</summary>
    internal IReadOnlyCollection<string> Lines => _lines;

    /// <summary>The same as one text.</summary>
    internal string Log => string.Join('\n', _lines);

    /// <summary>Starts a process.</summary>
    internal static Daemon Start(string name, params string[] command) => new(name, Shell.Start(command));

    /// <summary>Waits for a line that begins with <paramref name="prefix"/> and returns it.</summary>
    internal Task<string> LineAsync(string prefix, TimeSpan? patience = null)
    {
        return Eventually.GetAsync($"{Name} says '{prefix}'", () =>
        {
            string? line = _lines.FirstOrDefault(l => l.StartsWith(prefix, StringComparison.Ordinal));
            if (line is null && HasExited)
            {
                throw new InvalidOperationException($"{Name} ended with {_process.ExitCode}:\n{Log}");
            }

            return Task.FromResult(line);
        }, patience);
    }

    /// <summary>Ends it at once, as a crash would.</summary>
    internal async Task KillAsync()
    {
        _process.Kill();
        await _process.WaitForExitAsync();
    }

    /// <summary>Asks it to end, and waits until it has; after a while it is made to.</summary>
    internal async Task StopAsync()
    {
        if (!_process.HasExited)
        {
            await Shell.SignalAsync("TERM", _process.Id);
        }

        using var grace = new CancellationTokenSource(Grace);
        try
        {
            await _process.WaitForExitAsync(grace.Token);
        }
        catch (OperationCanceledException)
        {
            Keep($"(did not end within {Grace.TotalSeconds} s of SIGTERM and was killed)");
            await KillAsync();
        }
    }

    /// <summary>Waits until it ends by itself.</summary>
    internal async Task<int> ExitAsync(TimeSpan patience)
    {
        using var deadline = new CancellationTokenSource(patience);
        await _process.WaitForExitAsync(deadline.Token);
        return _process.ExitCode;
    }

    public async ValueTask DisposeAsync()
    {
        await StopAsync();
        _process.Dispose();
    }

    private void Keep(string? line)
    {
        if (line is not null)
        {
            _lines.Enqueue(line);
        }
    }
}
