using System.Globalization;
using System.Text.Json.Nodes;
using Xunit.Abstractions;

namespace Nf.EndToEnd.Tests.Support;

/// <summary>A node whose broker lends near0 to a user without any privilege; its clients are programs of their own, in
/// the middle namespace.</summary>
public abstract class BrokerTest(ITestOutputHelper output) : EndToEndTest(output)
{
    internal const string Address = "198.18.7.9";
    internal const string Port = "4242";

    /// <summary>What a program without privileges is started with: nobody, and nothing to become more by.</summary>
    private static readonly string[] Unprivileged =
    [
        "setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups", "--no-new-privs", "--bounding-set", "-all",
        "--inh-caps", "-all", "--ambient-caps", "-all",
    ];

    protected override string BrokerPolicy => """
        { "rules": [{ "uids": [65534], "interfaces": ["near0"], "network_namespaces": "client", "queues": [0] }] }
        """;

    /// <summary>Starts the C# sample, and waits until it is ready.</summary>
    internal async Task<Daemon> EchoAsync(params string[] more)
    {
        string program = await ReadableAsync(Layout.ProgramPath("EchoUdp", "echo-udp"));
        return await StartedAsync([
            program, "--interface", "near0", "--address", Address, "--port", Port, "--broker", Node.Broker, "--netns",
            "own", .. more]);
    }

    /// <summary>Starts a program without privileges in the middle namespace, and waits until it is ready.</summary>
    internal async Task<Daemon> StartedAsync(string[] command)
    {
        Daemon daemon = Daemon.Start("echo", Middle.Inside([.. Unprivileged, .. command]));
        await daemon.LineAsync("ready");
        return daemon;
    }

    /// <summary>Sends numbered UDP packets from the left and counts those that come back as they were sent.</summary>
    internal async Task<(int Sent, int Back)> AskAsync(int count, int pauseUs = 0)
    {
        string text = await Shell.RunAsync(Left.Inside(
            "python3", Path.Combine(Layout.Tools, "udp_ask.py"), Address, Port,
            count.ToString(CultureInfo.InvariantCulture), pauseUs.ToString(CultureInfo.InvariantCulture)));
        JsonNode tally = JsonNode.Parse(text)!;
        return (tally["sent"]!.GetValue<int>(), tally["back"]!.GetValue<int>());
    }

    /// <summary>A copy of a program's folder that any user may read.</summary>
    internal async Task<string> ReadableAsync(string program)
    {
        string folder = Path.Combine(Node.Run, Path.GetFileName(program) + ".d");
        if (!Directory.Exists(folder))
        {
            await Shell.RunAsync("cp", "-r", Path.GetDirectoryName(program)!, folder);
            await Shell.RunAsync("chmod", "-R", "a+rX", folder);
        }

        return Path.Combine(folder, Path.GetFileName(program));
    }

    /// <summary>The data plane's view of what an interface has: sockets of AF_XDP, programs.</summary>
    internal async Task AssertNothingLeftAsync()
    {
        await Eventually.TrueAsync("no XDP program on near0", async () =>
            !(await Middle.IpAsync("link", "show", "near0")).Contains("xdp", StringComparison.Ordinal));
    }
}
