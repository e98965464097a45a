using System.Globalization;
using System.Text.RegularExpressions;
using Nf.EndToEnd.Tests.Support.Guests;

namespace Nf.EndToEnd.Tests.Support;

/// <summary>tcpdump of everything that arrives at an interface, whatever it is and however much.</summary>
internal sealed partial class Capture : IAsyncDisposable
{
    private readonly Daemon _tcpdump;
    private readonly string _file;

    private Capture(Daemon tcpdump, string file) => (_tcpdump, _file) = (tcpdump, file);

    /// <summary>Starts tcpdump and waits until it listens.</summary>
    internal static async Task<Capture> StartAsync(NetSpace space, string device, string file)
    {
        Daemon tcpdump = Daemon.Start("tcpdump", space.Inside(
            "tcpdump", "-Z", "root", "-n", "-i", device, "-Q", "in", "-B", "65536", "-w", file));
        await tcpdump.LineAsync("tcpdump: listening");
        return new Capture(tcpdump, file);
    }

    /// <summary>Ends tcpdump, which must not have missed a packet, and returns what it saw.</summary>
    internal async Task<(ulong Packets, ulong Bytes)> StopAsync()
    {
        await CaughtUpAsync();
        await _tcpdump.StopAsync();
        await _tcpdump.LineAsync("0 packets dropped by kernel");
        IReadOnlyList<byte[]> frames = PacketFile.Read(_file);
        return ((ulong)frames.Count, (ulong)frames.Sum(frame => (long)frame.Length));
    }

    public ValueTask DisposeAsync() => _tcpdump.DisposeAsync();

    // When it ends it leaves unread what the kernel has for it. On SIGUSR1 it says "N packets captured, M packets
    // received by filter, …".
    private Task CaughtUpAsync() => Eventually.TrueAsync("tcpdump to have read every packet", async () =>
    {
        int before = Reports().Count;
        await Shell.SignalAsync("USR1", _tcpdump.Pid);
        string report = await Eventually.GetAsync(
            "a report of tcpdump", () => Task.FromResult(Reports().Skip(before).LastOrDefault()));
        ulong[] counts = [.. Number().Matches(report).Select(n => ulong.Parse(n.Value, CultureInfo.InvariantCulture))];
        return counts[0] == counts[1];
    });

    private List<string> Reports() =>
        [.. _tcpdump.Lines.Where(line => line.Contains(" captured, ", StringComparison.Ordinal))];

    [GeneratedRegex("[0-9]+")]
    private static partial Regex Number();
}
