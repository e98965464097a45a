using System.Globalization;
using System.Text.Json.Nodes;

namespace Nf.EndToEnd.Tests.Support;

/// <summary>What nf-seqrecv saw of a stream of sequence-numbered frames.</summary>
internal sealed record Tally(
    long Received, long Unique, long Lost, long Duplicated, long Reordered, long Corrupted, long ReceiverDropped,
    double LongestGapMs, string Text);

/// <summary>A stream of sequence-numbered frames from one interface to another, checked byte by byte.</summary>
internal sealed class Traffic : IAsyncDisposable
{
    private readonly Daemon _receiver;
    private readonly string[] _send;
    private Daemon? _sender;

    private Traffic(Daemon receiver, string[] send)
    {
        _receiver = receiver;
        _send = send;
    }

    /// <summary>Starts the receiver, waits until it listens, then starts the sender.</summary>
    internal static async Task<Traffic> StartAsync(
        NetSpace from, string source, NetSpace to, string target, long count, int pps, string size = "60")
    {
        Traffic traffic = await ListenAsync(from, source, to, target, count, pps, size);
        traffic.Send();
        return traffic;
    }

    /// <summary>Starts the receiver and waits until it listens; nothing is sent yet.</summary>
    internal static async Task<Traffic> ListenAsync(
        NetSpace from, string source, NetSpace to, string target, long count, int pps, string size = "60",
        int flows = 4)
    {
        string[] shape = ["--flows", Text(flows), "--size", size];
        Daemon receiver = Daemon.Start(
            "nf-seqrecv", to.Inside([await Layout.ToolAsync("nf-seqrecv"), "--if", target, .. shape]));
        await receiver.LineAsync("ready");
        string sender = await Layout.ToolAsync("nf-seqsend");
        return new Traffic(receiver, from.Inside([
            sender, "--if", source, "--count", Text(count), "--pps", Text(pps), "--realtime", .. shape]));
    }

    /// <summary>Starts the sender.</summary>
    internal void Send() => _sender = Daemon.Start("nf-seqsend", _send);

    /// <summary>Waits until the sender has sent its count, then reads the receiver's verdict.</summary>
    internal async Task<(long Sent, Tally Tally)> FinishAsync(TimeSpan patience)
    {
        await _sender!.ExitAsync(patience);
        return await VerdictAsync();
    }

    /// <summary>Stops the sender where it is, then reads the receiver's verdict.</summary>
    internal async Task<(long Sent, Tally Tally)> StopAsync()
    {
        await _sender!.StopAsync();
        return await VerdictAsync();
    }

    public async ValueTask DisposeAsync()
    {
        if (_sender is not null)
        {
            await _sender.DisposeAsync();
        }

        await _receiver.DisposeAsync();
    }

    private async Task<(long Sent, Tally Tally)> VerdictAsync()
    {
        JsonNode sent = JsonNode.Parse(await _sender!.LineAsync("{"))!;
        // The receiver ends once nothing has arrived for a while.
        await _receiver.StopAsync();
        string text = await _receiver.LineAsync("{");
        JsonNode seen = JsonNode.Parse(text)!;
        long total = Number(sent, "sent");
        long unique = Number(seen, "unique");
        return (total, new Tally(
            Number(seen, "received"), unique, total - unique, Number(seen, "duplicated"), Number(seen, "reordered"),
            Number(seen, "corrupted"), Number(seen, "receiver_dropped"), seen["longest_gap_ms"]!.GetValue<double>(),
            text));
    }

    private static long Number(JsonNode node, string name) => node[name]!.GetValue<long>();

    private static string Text(long value) => value.ToString(CultureInfo.InvariantCulture);
}
