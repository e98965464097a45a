using System.Globalization;
using System.Net.Sockets;
using System.Text;

namespace Nf.EndToEnd.Tests.Support.Guests;

/// <summary>Commands to a guest over its serial port, one after the other; eng/guest/init has the other end.</summary>
internal sealed class GuestShell : IDisposable
{
    private static readonly TimeSpan BootPatience = TimeSpan.FromSeconds(120);
    private static readonly TimeSpan CommandPatience = TimeSpan.FromSeconds(60);

    private readonly Socket _socket;
    private readonly StreamReader _lines;
    private readonly SemaphoreSlim _turn = new(1);
    private int _last;

    private GuestShell(Socket socket)
    {
        _socket = socket;
        _lines = new StreamReader(new NetworkStream(socket), Encoding.UTF8);
    }

    /// <summary>Connects as soon as QEMU listens.</summary>
    internal static async Task<GuestShell> ConnectAsync(string path, Daemon qemu) =>
        new(await UnixSocket.ConnectAsync(path, qemu));

    /// <summary>Waits for the line with which a booted guest begins.</summary>
    internal async Task ReadyAsync()
    {
        using var deadline = new CancellationTokenSource(BootPatience);
        while (!(await LineAsync("the guest boots", deadline.Token)).StartsWith("ready ", StringComparison.Ordinal))
        {
        }
    }

    /// <summary>Runs a command that must succeed and returns what it wrote.</summary>
    internal async Task<string> RunAsync(string command, TimeSpan? patience = null)
    {
        ShellResult result = await TryAsync(command, patience);
        return result.ExitCode == 0
            ? result.Output
            : throw new InvalidOperationException($"in the guest: {command}: {result.ExitCode}\n{result.Output}");
    }

    /// <summary>Runs a command whatever its exit code.</summary>
    internal async Task<ShellResult> TryAsync(string command, TimeSpan? patience = null)
    {
        await _turn.WaitAsync();
        try
        {
            string id = await SendAsync(command);
            using var deadline = new CancellationTokenSource(patience ?? CommandPatience);
            var output = new StringBuilder();
            while (true)
            {
                string line = await LineAsync(command, deadline.Token);
                if (line.StartsWith($"{id}| ", StringComparison.Ordinal))
                {
                    output.Append(line.AsSpan(id.Length + 2)).Append('\n');
                }
                else if (line.StartsWith($"{id}= ", StringComparison.Ordinal))
                {
                    int code = int.Parse(line.AsSpan(id.Length + 2), CultureInfo.InvariantCulture);
                    return new ShellResult(code, output.ToString(), "");
                }
            }
        }
        finally
        {
            _turn.Release();
        }
    }

    /// <summary>Sends a command and does not wait for its end; its id.</summary>
    internal async Task<string> SendAsync(string command)
    {
        string id = string.Create(CultureInfo.InvariantCulture, $"c{Interlocked.Increment(ref _last)}");
        await _socket.SendAsync(Encoding.UTF8.GetBytes($"{id} {command}\n"));
        return id;
    }

    public void Dispose()
    {
        _lines.Dispose();
        _socket.Dispose();
        _turn.Dispose();
    }

    private async Task<string> LineAsync(string what, CancellationToken deadline)
    {
        try
        {
            return await _lines.ReadLineAsync(deadline) ?? throw new InvalidOperationException($"{what}: QEMU ended");
        }
        catch (OperationCanceledException)
        {
            throw new TimeoutException($"{what}: the guest did not answer in time");
        }
    }
}
