using System.Net.Sockets;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;

namespace Nf.EndToEnd.Tests.Support.Guests;

/// <summary>QEMU's monitor: one JSON object per line.</summary>
internal sealed class Qmp : IDisposable
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(30);

    private readonly Socket _socket;
    private readonly StreamReader _lines;

    private Qmp(Socket socket)
    {
        _socket = socket;
        _lines = new StreamReader(new NetworkStream(socket), Encoding.UTF8);
    }

    /// <summary>Connects as soon as QEMU listens, and leaves its negotiation mode.</summary>
    internal static async Task<Qmp> ConnectAsync(string path, Daemon qemu)
    {
        var monitor = new Qmp(await UnixSocket.ConnectAsync(path, qemu));
        await monitor.CallAsync("qmp_capabilities");
        return monitor;
    }

    /// <summary>Runs a command that must succeed; events and the greeting are passed over.</summary>
    internal async Task<JsonNode> CallAsync(string execute, object? arguments = null)
    {
        string line = arguments is null
            ? JsonSerializer.Serialize(new { execute })
            : JsonSerializer.Serialize(new { execute, arguments });
        await _socket.SendAsync(Encoding.UTF8.GetBytes(line + "\n"));
        using var deadline = new CancellationTokenSource(Patience);
        while (true)
        {
            string text = await _lines.ReadLineAsync(deadline.Token)
                ?? throw new InvalidOperationException($"{execute}: QEMU ended");
            JsonNode answer = JsonNode.Parse(text)!;
            if (answer["error"] is { } error)
            {
                throw new InvalidOperationException($"{execute}: {error.ToJsonString()}");
            }

            if (answer["return"] is { } result)
            {
                return result;
            }
        }
    }

    /// <summary>Begins to move the machine to nowhere, and lets it stay after all.</summary>
    internal async Task MigrateAndCancelAsync()
    {
        await BeginToMigrateAsync("exec:cat >/dev/null");
        await CallAsync("migrate_cancel");
        await StatusAsync("the move is cancelled", status =>
            status["status"]?.GetValue<string>() == "cancelled" ? status : null);
    }

    /// <summary>Moves the machine to another QEMU while it runs, and waits until it is there.</summary>
    /// <param name="uri">Where the other one waits.</param>
    /// <param name="meanwhile">What happens when some of the memory has been copied.</param>
    /// <param name="patience">How long it may take.</param>
    internal async Task<JsonNode> MigrateAsync(string uri, Func<Task> meanwhile, TimeSpan patience)
    {
        await BeginToMigrateAsync(uri);
        await meanwhile();
        return await Eventually.GetAsync("the machine has moved", async () =>
        {
            JsonNode status = await CallAsync("query-migrate");
            string? state = status["status"]?.GetValue<string>();
            return state switch
            {
                "completed" => status,
                "failed" or "cancelled" => throw new InvalidOperationException(status.ToJsonString()),
                _ => null,
            };
        }, patience);
    }

    private async Task BeginToMigrateAsync(string uri)
    {
        await CallAsync("migrate-set-parameters", new Dictionary<string, object>
        {
            // Slow enough that pages which were copied are written again.
            ["max-bandwidth"] = 25_000_000,
            ["downtime-limit"] = 300,
        });
        await CallAsync("migrate", new { uri });
        await StatusAsync("memory is on its way", status =>
            Json.ULong(status["ram"]?["transferred"]) > 1_000_000 ? status : null);
    }

    private Task<JsonNode> StatusAsync(string what, Func<JsonNode, JsonNode?> wanted) =>
        Eventually.GetAsync(what, async () => wanted(await CallAsync("query-migrate")));

    public void Dispose()
    {
        _lines.Dispose();
        _socket.Dispose();
    }
}
