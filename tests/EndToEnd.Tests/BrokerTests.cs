using Nf.EndToEnd.Tests.Support;
using Xunit.Abstractions;

namespace Nf.EndToEnd.Tests;

/// <summary>Programs without any privilege that lease a socket and run it, in C# and in C, and what becomes of their
/// leases.</summary>
[Trait("Tier", "e2e")]
public sealed class BrokerTests(ITestOutputHelper output) : BrokerTest(output)
{
    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task EchoUdp_WithoutPrivileges_AnswersEveryPacket(bool ownMemory)
    {
        await using (Daemon echo = await EchoAsync(ownMemory ? ["--own", "--frames", "512"] : []))
        {
            string status = await File.ReadAllTextAsync($"/proc/{echo.Pid}/status");
            Assert.Matches(@"CapEff:\t0+\n", status);
            Assert.Matches(@"CapBnd:\t0+\n", status);
            Assert.Matches(@"NoNewPrivs:\t1", status);
            await Shell.RunAsync(Left.Inside("ping", "-n", "-c", "3", "-W", "2", Address));
            Assert.Equal((2000, 2000), await AskAsync(2000, pauseUs: 100));
        }

        await AssertNothingLeftAsync();
    }

    [Fact]
    public async Task EchoInC_WithoutPrivileges_AnswersEveryPacket()
    {
        string folder = Path.Combine(Node.Run, "c");
        Directory.CreateDirectory(folder);
        string program = Path.Combine(folder, "echo");
        await Shell.RunAsync(
            "gcc", "-std=gnu11", "-Wall", "-Wextra", "-Werror", "-O2", "-o", program,
            Path.Combine(Layout.Root, "samples", "c", "echo.c"));
        await Shell.RunAsync("chmod", "-R", "a+rX", folder);
        await using (Daemon echo = await StartedAsync(
            [program, "near0", Address, Port, Node.Broker, "/proc/self/ns/net"]))
        {
            await Shell.RunAsync(Left.Inside("ping", "-n", "-c", "3", "-W", "2", Address));
            Assert.Equal((2000, 2000), await AskAsync(2000, pauseUs: 100));
        }

        await AssertNothingLeftAsync();
    }

    [Fact]
    public async Task Lease_OfWhatThePolicyDoesNotLend_IsRefusedInWords()
    {
        string program = await ReadableAsync(Layout.ProgramPath("EchoUdp", "echo-udp"));
        (string Interface, string Words)[] refusals =
        [
            ("near1", "interface near1: this user may have near0"),
            ("lo", "interface lo: this user may have near0"),
        ];
        foreach ((string name, string words) in refusals)
        {
            await using Daemon echo = Daemon.Start("echo", Middle.Inside(
                "setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups", program, "--interface", name,
                "--address", Address, "--broker", Node.Broker, "--netns", "own"));
            Assert.Equal(1, await echo.ExitAsync(TimeSpan.FromSeconds(30)));
            Assert.Contains(words, echo.Log, StringComparison.Ordinal);
        }
    }

    [Fact]
    public async Task Client_Killed_LeavesNothingAndTheNextOneGetsTheQueue()
    {
        for (int i = 0; i < 3; i++)
        {
            await using Daemon echo = await EchoAsync();
            Assert.Equal((100, 100), await AskAsync(100, pauseUs: 100));
            await echo.KillAsync();
        }

        await AssertNothingLeftAsync();
    }

    [Fact]
    public async Task Client_KilledAndStartedAgain_TakesUpItsLeaseWithThePacketsInItsRings()
    {
        await using Daemon first = await EchoAsync("--keep", "60");
        Assert.Equal((100, 100), await AskAsync(100, pauseUs: 100));
        string lease = first.Log.Split("lease=")[1].Split(' ')[0];
        await first.KillAsync();

        // Its packets wait in the rings until there is somebody to answer them.
        Task<(int Sent, int Back)> asked = AskAsync(500, pauseUs: 100);
        await Eventually.TrueAsync("packets wait", async () => await Middle.ReceivedAsync("near0") > 600);
        await using Daemon second = await EchoAsync("--take-up", lease);
        Assert.Contains($"lease={lease}", second.Log, StringComparison.Ordinal);
        Assert.Equal((500, 500), await asked);
    }

    [Fact]
    public async Task DataPlane_KilledUnderTraffic_LentSocketsGoOn()
    {
        await using Daemon echo = await EchoAsync();
        Task<(int Sent, int Back)> asked = AskAsync(20_000, pauseUs: 200);
        for (int kill = 0; kill < 3; kill++)
        {
            var plane = await Node.ConnectedAsync();
            await Shell.SignalAsync("KILL", Node.Pid(plane));
            await Node.ConnectedAsync(Node.Generation(plane) + 1);
            await echo.LineAsync($"life {Node.Generation(plane) + 1}");
        }

        Assert.Equal((20_000, 20_000), await asked);
        await echo.KillAsync();
        await AssertNothingLeftAsync();
    }
}
