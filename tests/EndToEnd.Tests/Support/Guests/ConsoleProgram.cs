using System.Diagnostics;
using System.Text;

namespace Nf.EndToEnd.Tests.Support.Guests;

/// <summary>A program that is talked to over its standard input and output.</summary>
internal sealed class ConsoleProgram : IAsyncDisposable
{
    private static readonly TimeSpan Grace = TimeSpan.FromSeconds(15);

    private readonly string _name;
    private readonly Process _process;
    private readonly StringBuilder _text = new();
    private readonly StringBuilder _errors = new();
    private readonly Lock _lock = new();
    private readonly Task[] _gatherers;

    private ConsoleProgram(string name, Process process)
    {
        _name = name;
        _process = process;
        _gatherers = [GatherAsync(process.StandardOutput, _text), GatherAsync(process.StandardError, _errors)];
    }

    internal int Pid => _process.Id;

    internal bool HasExited => _process.HasExited;

    /// <summary>Everything it wrote to its standard output so far; its errors would split words of it.</summary>
    internal string Text => Gathered(_text);

    /// <summary>Starts a program.</summary>
    internal static ConsoleProgram Start(string name, params string[] command) => new(name, Shell.Start(command));

    /// <summary>Types a line.</summary>
    internal async Task TypeAsync(string line)
    {
        await _process.StandardInput.WriteLineAsync(line);
        await _process.StandardInput.FlushAsync();
    }

    /// <summary>Waits until it has written something after the first <paramref name="from"/> characters.</summary>
    internal async Task SaysAsync(string what, int from, TimeSpan patience)
    {
        try
        {
            await Eventually.TrueAsync($"{_name} says '{what}'", () =>
            {
                string text = Text;
                bool said = text.IndexOf(what, from, StringComparison.Ordinal) >= 0;
                return said || !_process.HasExited
                    ? Task.FromResult(said)
                    : throw new InvalidOperationException($"{_name} ended with {_process.ExitCode}");
            }, patience);
        }
        catch (Exception e) when (e is TimeoutException or InvalidOperationException)
        {
            throw new InvalidOperationException($"{e.Message}; what it said:\n{Text}\n{Gathered(_errors)}", e);
        }
    }

    public async ValueTask DisposeAsync()
    {
        using var grace = new CancellationTokenSource(Grace);
        try
        {
            _process.StandardInput.Close();
            await _process.WaitForExitAsync(grace.Token);
        }
        catch (Exception e) when (e is OperationCanceledException or IOException)
        {
            _process.Kill();
            await _process.WaitForExitAsync();
        }

        await Task.WhenAll(_gatherers);
        _process.Dispose();
    }

    private string Gathered(StringBuilder text)
    {
        lock (_lock)
        {
            return text.ToString();
        }
    }

    private async Task GatherAsync(StreamReader reader, StringBuilder text)
    {
        char[] some = new char[4096];
        int count;
        while ((count = await reader.ReadAsync(some)) > 0)
        {
            lock (_lock)
            {
                text.Append(some, 0, count);
            }
        }
    }
}
