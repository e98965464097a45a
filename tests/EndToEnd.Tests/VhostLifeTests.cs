using System.Text.Json.Nodes;
using System.Text.RegularExpressions;
using Nf.EndToEnd.Tests.Support;
using Nf.EndToEnd.Tests.Support.Guests;
using Xunit.Abstractions;

namespace Nf.EndToEnd.Tests;

/// <summary>SIGKILL of the data plane under front-ends that count every frame; and one that does wrong.</summary>
[Trait("Tier", "e2e")]
public sealed class VhostLifeTests(NodeFixture fixture, ITestOutputHelper output) : IClassFixture<NodeFixture>,
    IAsyncLifetime
{
    private const int Kills = 10, FramesPerKill = 5_000;

    // Frames of one burst may leave twice: once before the kill, once after it (Worker's limit of a burst).
    private const int BurstMax = 64;

    private FrontEnds _fronts = null!;

    private Node Node => fixture.Node;

    public async Task InitializeAsync()
    {
        _fronts = await FrontEnds.StartAsync();
        foreach (string name in new[] { "a", "b" })
        {
            await Node.VhostAsync(name, fixture.File($"{name}.sock"));
        }

        await Node.LinkAsync("l0", VhostNode.Device("a"), VhostNode.Device("b"));
    }

    public async Task DisposeAsync()
    {
        await _fronts.DisposeAsync();
        output.WriteLine(Node.Logs);
        await Node.Client.TryAsync("LinkService.DeleteLink", new { name = "l0" });
        foreach (string name in new[] { "a", "b", "c" })
        {
            await Node.Client.TryAsync("VhostDeviceService.DeleteVhostDevice", new { name, force = true });
        }
    }

    // The guest's memory says that three frames were in hand when the process died; nobody published them as used.
    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task FramesInHand_WhenTheDataPlaneIsKilled_AreSentOnceByTheNextLife(bool connectAgain)
    {
        const int Before = 1_000, Taken = 3, More = 5;
        await OpenAsync(inflight: true);
        await _fronts.SendAsync("a", Before);
        await _fronts.ReceivedAsync("b", Before);
        await GivenBackAsync(Before);
        if (connectAgain)
        {
            await InterruptAsync();
        }

        JsonNode plane = await Node.ConnectedAsync();
        await Shell.SignalAsync("STOP", Node.Pid(plane));
        await _fronts.InHandAsync("a", Taken, More);
        await Shell.SignalAsync("KILL", Node.Pid(plane));
        await Node.ConnectedAsync(Node.Generation(plane) + 1);

        await GivenBackAsync(Before + Taken + More);
        await _fronts.SendAsync("a", Before);
        FrontEndTally tally = await _fronts.ReceivedAsync("b", (2 * Before) + Taken + More);
        Assert.Equal((0, 0, 0), (tally.Duplicated, tally.Reordered, tally.Corrupted));
        Assert.Equal(connectAgain ? 2 : 1, tally.Connections);
    }

    [Theory]
    [InlineData(false, false)]
    [InlineData(true, false)]
    [InlineData(true, true)]
    public async Task DataPlane_KilledTenTimesUnderLoad_LosesNoFrame(bool inflight, bool connectAgain)
    {
        await OpenAsync(inflight);
        JsonNode plane = await Node.ConnectedAsync();
        for (int kill = 1; kill <= Kills; kill++)
        {
            await _fronts.SendAsync("a", FramesPerKill);
            if (connectAgain)
            {
                await InterruptAsync();
            }

            await _fronts.ReceivedAsync("b", ((kill - 1) * FramesPerKill) + (FramesPerKill / 4));
            await Shell.SignalAsync("KILL", Node.Pid(plane));
            plane = await Node.ConnectedAsync(Node.Generation(plane) + 1);
        }

        await GivenBackAsync(Kills * FramesPerKill);
        FrontEndTally tally = await _fronts.ReceivedAsync("b", Kills * FramesPerKill);
        output.WriteLine($"{tally}");
        Assert.Equal(Kills * FramesPerKill, tally.Unique);
        Assert.Equal((0, 0), (tally.Reordered, tally.Corrupted));
        Assert.InRange(tally.Duplicated, 0, Kills * BurstMax);
        Assert.Equal(connectAgain ? Kills + 1 : 1, tally.Connections);
    }

    [Fact] // K09
    public async Task DataPlane_KilledInTheMiddleOfEachMessage_TheFrontEndIsServedAgain()
    {
        string path = fixture.File("a.sock");
        JsonNode plane = await Node.ConnectedAsync();
        int messages = 0;
        while (await _fronts.CutAsync($"a{messages}", path, messages))
        {
            await Shell.SignalAsync("KILL", Node.Pid(plane));
            plane = await Node.ConnectedAsync(Node.Generation(plane) + 1);
            await Node.VhostStateAsync("a", "STARTED");
            await _fronts.CloseAsync($"a{messages}");
            await Node.VhostStateAsync("a", "LISTENING");
            messages++;
        }

        // Features, memory, the inflight region, and six messages for each ring.
        Assert.Equal(19, messages);
        await Node.VhostStateAsync("a", "STARTED");
    }

    [Fact] // D10, E19
    public async Task MemoryAndCalls_ChangedUnderTraffic_CostNoFrameAndNoNotification()
    {
        const int Changes = 200, FramesPerChange = 500;
        await OpenAsync(inflight: false);
        for (int i = 0; i < Changes; i++)
        {
            await _fronts.SendAsync("a", FramesPerChange);
            await _fronts.DisturbAsync("a");
            await _fronts.DisturbAsync("b");
        }

        FrontEndTally tally = await _fronts.ReceivedAsync("b", Changes * FramesPerChange);
        Assert.Equal((0, 0, 0), (tally.Duplicated, tally.Reordered, tally.Corrupted));
        await GivenBackAsync(Changes * FramesPerChange);
    }

    [Fact]
    public async Task Memory_ShrunkUnderTraffic_CostsOnlyThatFrontEnd()
    {
        const int Frames = 20_000;
        await OpenAsync(inflight: true);
        await Node.VhostAsync("c", fixture.File("c.sock"));
        await _fronts.OpenAsync("c", fixture.File("c.sock"), inflight: true);
        JsonNode plane = await Node.ConnectedAsync();
        await _fronts.SendAsync("a", Frames);
        await _fronts.SendAsync("c", int.MaxValue);
        await _fronts.ReceivedAsync("b", Frames / 4);

        await _fronts.ShrinkAsync("c");

        JsonNode status = await Node.VhostStateAsync("c", "LISTENING");
        Assert.Contains("memory", status["last_disconnect"]!.GetValue<string>(), StringComparison.Ordinal);
        FrontEndTally tally = await _fronts.ReceivedAsync("b", Frames);
        Assert.Equal((0, 0, 0), (tally.Duplicated, tally.Reordered, tally.Corrupted));
        JsonNode after = await Node.ConnectedAsync();
        Assert.Equal(Node.Pid(plane), Node.Pid(after));
        Assert.Equal(Node.Generation(plane), Node.Generation(after));

        // The next front-end of that device is served.
        await _fronts.OpenAsync("c2", fixture.File("c.sock"));
        await _fronts.SendAsync("c2", 1_000);
        await GivenBackAsync(1_000, "c2");
    }

    // What a person sees who asks why a guest has no network.
    [Theory]
    [InlineData("index_ahead", true, "given up")]
    [InlineData("head_outside", true, "given up")]
    [InlineData("address_outside", false, "bad_chain")]
    [InlineData("chain_loops", true, "given up")]
    [InlineData("checksum_outside", false, "bad_offload")]
    public async Task Guest_ThatLies_IsExplainedByNfctl(string lie, bool breaksRing, string word)
    {
        const int Before = 100;
        await Node.VhostAsync("c", fixture.File("c.sock"));
        await _fronts.OpenAsync("c", fixture.File("c.sock"));
        await _fronts.SendAsync("c", Before);
        await GivenBackAsync(Before, "c");

        await _fronts.LieAsync("c", lie);

        string text = "";
        try
        {
            await Eventually.TrueAsync($"nfctl tells of {lie}", async () =>
            {
                text = await Shell.RunAsync(
                    [.. Layout.Program("Nfctl", "nfctl"), "--run", Node.Run, "vhost", "get", "c"]);
                return text.Contains(word, StringComparison.Ordinal);
            });
        }
        finally
        {
            output.WriteLine(text);
        }

        Assert.Equal(breaksRing, Regex.IsMatch(text, @"State +broken"));
        if (!breaksRing)
        {
            // The ring goes on, and so does the rest of what the guest sends.
            FrontEndTally lied = await _fronts.TallyAsync("c");
            await _fronts.SendAsync("c", Before);
            await GivenBackAsync(lied.GivenBack + Before, "c");
        }
    }

    private async Task OpenAsync(bool inflight)
    {
        // The receiver first, also when they connect again: what nobody is there to take is dropped.
        await _fronts.OpenAsync("b", fixture.File("b.sock"), inflight);
        await _fronts.OpenAsync("a", fixture.File("a.sock"), inflight);
        await Node.VhostStateAsync("a", "STARTED");
        await Node.VhostStateAsync("b", "STARTED");
    }

    /// <summary>From here on a death of the data plane ends both connections.</summary>
    private async Task InterruptAsync()
    {
        await _fronts.HalfMessageAsync("a");
        await _fronts.HalfMessageAsync("b");
    }

    private Task GivenBackAsync(long count, string name = "a")
    {
        return Eventually.TrueAsync($"{name} has {count} buffers back", async () =>
            (await _fronts.TallyAsync(name)).GivenBack == count);
    }
}
