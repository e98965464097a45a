using System.Globalization;
using Nf.EndToEnd.Tests.Support.Guests;

namespace Nf.EndToEnd.Tests.Support;

/// <summary>tcpdump of everything that arrives at an interface, whatever it is and however much.</summary>
internal sealed class Capture : IAsyncDisposable
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
    /// <param name="expected">As many packets as it must have read before; what the kernel has for it when it ends is
    /// left unread.</param>
    internal async Task<(ulong Packets, ulong Bytes)> StopAsync(int expected)
    {
        await Eventually.TrueAsync(
            $"tcpdump to have read {expected} packets", async () => await ReadAsync() >= expected);
        await _tcpdump.StopAsync();
        await _tcpdump.LineAsync("0 packets dropped by kernel");
        IReadOnlyList<byte[]> frames = PacketFile.Read(_file);
        return ((ulong)frames.Count, (ulong)frames.Sum(frame => (long)frame.Length));
    }

    public ValueTask DisposeAsync() => _tcpdump.DisposeAsync();

    // On SIGUSR1 it says "tcpdump: N packets captured, …".
    private async Task<int> ReadAsync()
    {
        int before = Reports().Count;
        await Shell.SignalAsync("USR1", _tcpdump.Pid);
        string report = await Eventually.GetAsync(
            "a report of tcpdump", () => Task.FromResult(Reports().Skip(before).LastOrDefault()));
        return int.Parse(report.Split(' ')[1], CultureInfo.InvariantCulture);
    }

    private List<string> Reports() =>
        [.. _tcpdump.Lines.Where(line => line.Contains(" captured, ", StringComparison.Ordinal))];
}
