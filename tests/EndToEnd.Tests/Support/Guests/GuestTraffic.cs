using System.Globalization;
using System.Text.Json.Nodes;

namespace Nf.EndToEnd.Tests.Support.Guests;

/// <summary>A stream of sequence-numbered frames from one guest to another, checked byte by byte there.</summary>
internal sealed class GuestTraffic
{
    private const string Sender = "/tmp/seqsend", Receiver = "/tmp/seqrecv";

    private readonly Guest _from;
    private readonly Guest _to;

    private GuestTraffic(Guest from, Guest to)
    {
        _from = from;
        _to = to;
    }

    /// <summary>What sender and receiver must agree on.</summary>
    internal static string[] Shape(string size = "60:1514") => ["--flows", "4", "--size", size];

    /// <summary>Starts the receiver, waits until it listens, then starts the sender.</summary>
    internal static async Task<GuestTraffic> StartAsync(Guest from, Guest to, int pps, string size = "60:1514")
    {
        var traffic = new GuestTraffic(from, to);
        string shape = $"--if eth0 {string.Join(' ', Shape(size))}";
        await SpawnAsync(to, Receiver, $"nf-seqrecv {shape} --ring-mib 16");
        await Eventually.TrueAsync("nf-seqrecv listens in the guest", async () =>
            (await to.RunAsync($"cat {Receiver}.log")).Contains("ready", StringComparison.Ordinal));
        await SpawnAsync(from, Sender, string.Create(
            CultureInfo.InvariantCulture, $"nf-seqsend {shape} --count 100000000 --pps {pps}"));
        return traffic;
    }

    /// <summary>Stops the sender where it is, then reads the receiver's verdict.</summary>
    internal async Task<(long Sent, Tally Tally)> StopAsync()
    {
        JsonNode sent = await EndAsync(_from, Sender), seen = await EndAsync(_to, Receiver);
        long total = sent["sent"]!.GetValue<long>();
        Tally tally = Judge(total, seen);
        return (total, tally with { Text = $"sent {sent.ToJsonString()}, received {tally.Text}" });
    }

    /// <summary>What a receiver told, of so many frames.</summary>
    internal static Tally Judge(long sent, JsonNode seen)
    {
        long Number(string name) => seen[name]!.GetValue<long>();
        long unique = Number("unique");
        return new Tally(Number("received"), unique, sent - unique, Number("duplicated"), Number("reordered"),
            Number("corrupted"), Number("receiver_dropped"), seen["longest_gap_ms"]!.GetValue<double>(),
            seen.ToJsonString());
    }

    private static Task<string> SpawnAsync(Guest guest, string name, string command) =>
        guest.RunAsync($"rm -f {name}.log; {command} >{name}.log 2>&1 & echo $! >{name}.pid");

    private static async Task<JsonNode> EndAsync(Guest guest, string name)
    {
        string log = await guest.RunAsync(
            $"pid=$(cat {name}.pid); kill -TERM $pid; while kill -0 $pid 2>/dev/null; do usleep 20000; done; "
            + $"cat {name}.log");
        string line = log.Split('\n').LastOrDefault(l => l.StartsWith('{'))
            ?? throw new InvalidOperationException($"{name} in {guest.Spec.Name}: {log}");
        return JsonNode.Parse(line)!;
    }
}
