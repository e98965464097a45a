using System.Globalization;

namespace Nf.EndToEnd.Tests.Support;

/// <summary>A network namespace of one test, without IPv6 noise, removed at its end.</summary>
internal sealed class NetSpace : IAsyncDisposable
{
    private NetSpace(string name) => Name = name;

    internal string Name { get; }

    internal string Path => $"/run/netns/{Name}";

    /// <summary>Creates a namespace.</summary>
    internal static async Task<NetSpace> CreateAsync(string role)
    {
        string name = string.Create(CultureInfo.InvariantCulture, $"nf-e2e-{Environment.ProcessId}-{role}");
        await Shell.RunAsync("ip", "netns", "add", name);
        var space = new NetSpace(name);
        await Shell.RunAsync(space.Inside(
            "sysctl", "-q", "net.ipv6.conf.all.disable_ipv6=1", "net.ipv6.conf.default.disable_ipv6=1"));
        await space.IpAsync("link", "set", "lo", "up");
        return space;
    }

    /// <summary>A command that runs in here, with the mounts of everyone.</summary>
    internal string[] Inside(params string[] command) => ["nsenter", $"--net={Path}", .. command];

    /// <summary>Runs ip(8) in here.</summary>
    internal Task<string> IpAsync(params string[] arguments) => Shell.RunAsync(["ip", "-n", Name, .. arguments]);

    /// <summary>Creates a veth pair from here to there, one queue each, both ends up.</summary>
    internal async Task PairAsync(string here, NetSpace there, string peer)
    {
        await Shell.RunAsync(
            "ip", "link", "add", here, "netns", Name, "type", "veth", "peer", "name", peer, "netns", there.Name);
        await IpAsync("link", "set", here, "up");
        await there.IpAsync("link", "set", peer, "up");
        // A checksum that the stack leaves to the device is left undone: XDP sees the packet first.
        await Shell.RunAsync(there.Inside("ethtool", "-K", peer, "tx", "off"));
    }

    /// <summary>Packets that an interface in here has received.</summary>
    internal async Task<ulong> ReceivedAsync(string device)
    {
        string text = await Shell.RunAsync(Inside("cat", "/proc/net/dev"));
        string line = text.Split('\n').Single(l => l.TrimStart().StartsWith(device + ":", StringComparison.Ordinal));
        return ulong.Parse(
            line.Split(':')[1].Split(' ', StringSplitOptions.RemoveEmptyEntries)[1], CultureInfo.InvariantCulture);
    }

    public async ValueTask DisposeAsync() => await Shell.TryAsync("ip", "netns", "del", Name);
}
