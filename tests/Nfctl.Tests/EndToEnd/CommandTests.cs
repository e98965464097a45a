using System.Text.Json;
using Google.Protobuf;
using Grpc.Core;
using Nf.Ctl.Tests.Commands;
using Nf.Ctl.Tests.Rendering;
using Nf.V1;

namespace Nf.Ctl.Tests.EndToEnd;

/// <summary>Every command against a real gRPC server on a unix socket.</summary>
public sealed class CommandTests : IAsyncLifetime
{
    private FakeService _service = null!;

    public async Task InitializeAsync()
    {
        _service = await FakeService.StartAsync();
        _service.Umems.AddRange([Samples.Umem, new Umem { Name = "second" }, new Umem { Name = "third" }]);
        _service.XskSockets.AddRange(
            [Samples.Socket, new XskSocket { Name = "second" }, new XskSocket { Name = "third" }]);
        _service.Links.AddRange([Samples.Link, new Link { Name = "second" }, new Link { Name = "third" }]);
        _service.VhostDevices.AddRange(
            [VhostSamples.Broken, new VhostDevice { Name = "second" }, new VhostDevice { Name = "third" }]);
        _service.Bridges.AddRange([VhostSamples.Bridge, new Bridge { Name = "second" }, new Bridge { Name = "third" }]);
        _service.BridgeEntries.AddRange(VhostSamples.Entries);
        _service.Cpumaps.AddRange([SteerSamples.Cpumap, new Cpumap { Name = "second" }, new Cpumap { Name = "third" }]);
        _service.CpumapPrograms.AddRange(
            [SteerSamples.Program, new CpumapProgram { Name = "second" }, new CpumapProgram { Name = "third" }]);
        _service.Steerings.AddRange(
            [SteerSamples.Steering, new Steering { Name = "second" }, new Steering { Name = "third" }]);
        _service.Stats = Samples.StatsAt(1, 1000);
        _service.Node = Samples.Node;
        _service.Past.Add(Samples.Event);
    }

    public Task DisposeAsync() => _service.DisposeAsync().AsTask();

    // The command, what its table shows, and the field of its JSON document that a program would look for.
    public static TheoryData<string, string, string> Commands => new()
    {
        { "umem create u --size 1m", "valid, not created", "spec" },
        { "umem get demo", "Chunk ledger", "status" },
        { "umem list", "third", "umems" },
        { "umem ls", "third", "umems" },
        { "umem delete demo --force", "UMEM demo deleted", "" },
        { "xsk bind s --umem demo --interface e --queue 0", "valid, not bound", "spec" },
        { "xsk get demo-a", "XDP_STATISTICS", "status" },
        { "xsk list", "third", "xskSockets" },
        { "xsk unbind demo-a", "socket demo-a unbound", "" },
        { "vhost create v --socket /run/v.sock", "valid, not created", "spec" },
        { "vhost get vm1", "avail->idx is 900", "status" },
        { "vhost list", "third", "vhostDevices" },
        { "vhost ls", "third", "vhostDevices" },
        { "vhost delete vm1 --force", "vhost device vm1 deleted", "" },
        { "bridge create b --endpoint vhost:v --endpoint s", "valid, not created", "spec" },
        { "bridge get br", "vhost:vm1", "status" },
        { "bridge list", "third", "bridges" },
        { "bridge entries br", "52:54:00:00:00:03", "entries" },
        { "bridge delete br", "bridge br deleted", "" },
        { "link create l --a s --b t", "valid, not created", "spec" },
        { "link get demo", "demo-b is down", "status" },
        { "link list", "third", "links" },
        { "link delete demo", "link demo deleted", "" },
        { "cpumap create m", "valid, not created", "spec" },
        { "cpumap get fan", "ENOSPC", "status" },
        { "cpumap list", "third", "cpumaps" },
        { "cpumap delete fan", "cpumap fan deleted", "" },
        { "cpumap entry set fan 2 --queue-size 64", "may overtake each other", "entry" },
        { "cpumap entry delete fan 2", "entry of CPU 2 of cpumap fan removed", "draining" },
        { "cpumap program load p --step 'arp -> drop'", "1 filters", "spec" },
        { "cpumap program list", "third", "programs" },
        { "cpumap program unload p", "program p unloaded", "" },
        { "steer set s --interface e --rule 'tcp -> drop'", "tcp", "spec" },
        { "steer get edge", "cpumap fan source-prefix", "status" },
        { "steer list", "third", "steerings" },
        { "steer test edge ffffffffffff0200000000010806", "cpumap fan cpu 2", "verdicts" },
        { "steer delete edge", "steering edge deleted", "" },
        { "node", "xdp_link", "dataPlane" },
        { "stats", "no_link 10", "ports" },
        { "events", "went down", "sequence" },
        { "health", "serving", "status" },
        { "health nf.v1.UmemService", "serving", "status" },
        { "version", "nf-service", "nfctl" },
    };

    [Theory]
    [MemberData(nameof(Commands))]
    public async Task Command_Served_PrintsATable(string line, string shows, string _)
    {
        CommandLine.Result result = await RunAsync(line);

        Assert.Equal("", result.Error);
        Assert.Contains(shows, result.Output, StringComparison.Ordinal);
        Assert.Equal(0, result.Code);
    }

    [Theory]
    [MemberData(nameof(Commands))]
    public async Task Command_OutputJson_PrintsOneDocument(string line, string _, string field)
    {
        CommandLine.Result result = await RunAsync(line + " --output json");

        Assert.Equal("", result.Error);
        using JsonDocument document = JsonDocument.Parse(result.Output);
        Assert.True(field.Length == 0 || document.RootElement.TryGetProperty(field, out JsonElement _), result.Output);
        Assert.Equal(0, result.Code);
    }

    [Fact]
    public async Task List_SeveralPages_AreReadToTheEnd()
    {
        CommandLine.Result result = await RunAsync("umem list -o json");

        ListUmemsResponse all = JsonParser.Default.Parse<ListUmemsResponse>(result.Output);
        Assert.Equal(["demo", "second", "third"], all.Umems.Select(u => u.Name));
        Assert.Equal(2, _service.Requests.OfType<ListUmemsRequest>().Count());
    }

    [Fact]
    public async Task Create_Sent_ArrivesAsParsed()
    {
        const string Line = "umem create u --size 64MiB --numa 0 --label a=b";
        await RunAsync(Line);

        Assert.Equal(CommandLine.ToRequest(Line), Assert.Single(_service.Requests));
    }

    [Theory]
    [InlineData("umem delete demo --force", true)]
    [InlineData("umem delete demo", false)]
    public async Task Delete_Force_IsSentOnlyWhenAsked(string line, bool force)
    {
        await RunAsync(line);

        Assert.Equal(
            new DeleteUmemRequest { Name = "demo", Force = force }, Assert.Single(_service.Requests));
    }

    [Theory]
    [InlineData("vhost delete vm1 --force", true)]
    [InlineData("vhost delete vm1", false)]
    public async Task VhostDelete_Force_IsSentOnlyWhenAsked(string line, bool force)
    {
        await RunAsync(line);

        Assert.Equal(
            new DeleteVhostDeviceRequest { Name = "vm1", Force = force }, Assert.Single(_service.Requests));
    }

    [Fact]
    public async Task Command_ServiceRefuses_ExitsWithItsCode()
    {
        _service.Failure = new RpcException(new Status(StatusCode.FailedPrecondition, "UMEM demo is used by demo-a"));

        CommandLine.Result result = await RunAsync("umem delete demo -o json");

        Assert.Equal(new CommandLine.Result(4, "", "error: refused: UMEM demo is used by demo-a\n"), result);
    }

    [Fact]
    public async Task Command_ServiceHangs_TimesOut()
    {
        _service.Hang = Task.Delay(Timeout.Infinite);

        CommandLine.Result result = await RunAsync("umem list --timeout 200ms");

        Assert.Equal(8, result.Code);
        Assert.StartsWith("error: timed out", result.Error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Command_Interrupted_ExitsWith130AndSaysNothing()
    {
        _service.Hang = Task.Delay(Timeout.Infinite);
        using var cancel = new CancellationTokenSource();
        Task<CommandLine.Result> run = RunAsync("umem list", cancel.Token);
        while (_service.Requests.IsEmpty)
        {
            await Task.Yield();
        }

        await cancel.CancelAsync();

        Assert.Equal(new CommandLine.Result(130, "", ""), await run);
    }

    [Theory]
    [InlineData("umem list")]
    [InlineData("watch")]
    [InlineData("events")]
    [InlineData("events --follow")]
    [InlineData("health")]
    public async Task Command_NoService_SaysWhereAndHowToStartIt(string line)
    {
        await _service.StopAsync();

        CommandLine.Result result = await RunAsync(line);

        Assert.Equal(5, result.Code);
        Assert.Equal(
            $"error: nf-service is not reachable at {_service.RunFolder}/nf.sock: No such file or directory\n"
            + "hint: Start it with ./run.sh --no-demo or pass --run\n",
            result.Error);
    }

    [Fact]
    public async Task Version_NoService_StillTellsItsOwn()
    {
        await _service.StopAsync();

        CommandLine.Result result = await RunAsync("version");

        Assert.Equal(0, result.Code);
        Assert.Contains("nf-service    unreachable", result.Output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Health_NotServing_ExitsWithFive()
    {
        _service.Serving = false;

        Assert.Equal(new CommandLine.Result(5, "not serving\n", ""), await RunAsync("health"));
    }

    [Theory]
    [InlineData("umem get ", "demo")]
    [InlineData("xsk unbind d", "demo-a")]
    [InlineData("link delete ", "demo")]
    [InlineData("vhost get ", "vm1")]
    [InlineData("vhost delete --force v", "vm1")]
    [InlineData("vhost create v --without ", "in-order")]
    [InlineData("bridge entries ", "br")]
    [InlineData("link create l --a ", "vhost:vm1")]
    [InlineData("bridge create b --endpoint d", "demo-a")]
    [InlineData("events --type ", "vhost")]
    [InlineData("cpumap get ", "fan")]
    [InlineData("cpumap entry set f", "fan")]
    [InlineData("cpumap program unload ", "only-udp")]
    [InlineData("cpumap entry set fan 1 --program ", "only-udp")]
    [InlineData("cpumap entry set fan 1 --program p", "pass")]
    [InlineData("cpumap entry set fan 1 --redirect v", "vhost:vm1")]
    [InlineData("steer get ", "edge")]
    [InlineData("steer test e", "edge")]
    [InlineData("steer set s --interface ", "lo")]
    [InlineData("xsk bind s --umem ", "second")]
    [InlineData("xsk bind s --mode ", "zero-copy")]
    [InlineData("umem create u --page-size ", "2m")]
    [InlineData("xsk bind s --interface ", "lo")]
    public async Task Suggest_Names_AreThoseOfTheServiceAndTheNode(string typed, string name)
    {
        // The directive takes the line as one word, so it cannot pass through the test's own splitting.
        string line = $"--run {_service.RunFolder} {typed}";
        string output = await CommandLine.SuggestAsync(line);

        Assert.Contains(name, output.Split('\n'));
    }

    [Theory]
    [InlineData("umem create u --page-size ", "1g", "2m", "4k")]
    [InlineData("xsk bind s --mode ", "auto", "copy", "zero-copy")]
    public async Task Suggest_Choices_AreThoseOfTheHelpAndNoOthers(string line, params string[] choices)
    {
        string output = await CommandLine.SuggestAsync(line);

        Assert.Equal(choices, output.Split('\n', StringSplitOptions.RemoveEmptyEntries).Order(StringComparer.Ordinal));
    }

    private Task<CommandLine.Result> RunAsync(string line, CancellationToken cancel = default)
    {
        return CommandLine.RunAsync($"{line} --run {_service.RunFolder}", cancel);
    }
}
