using System.Diagnostics;
using System.Text.Json.Nodes;
using Nf.EndToEnd.Tests.Support;
using Xunit.Abstractions;

namespace Nf.EndToEnd.Tests;

/// <summary>Cpumaps and steering of a real interface, by a client that knows nothing of us but the protos.</summary>
[Trait("Tier", "e2e")]
public sealed class SteerApiTests(ITestOutputHelper output) : EndToEndTest(output)
{
    private const int Prefixes = 100_000;

    // ICMP echo requests from 198.18.7.1 to .2, and an ARP request.
    private const string Ping = "ffffffffffff02000000000108004500001c00000000400100000a000001c61207020800000000000000";
    private const string Arp = "ffffffffffff0200000000010806000108000604000102000000000100000000000000000000c6120702";

    [Fact]
    public async Task Cpumap_EntriesSetReplacedAndRemoved_AreWhatWasAskedFor()
    {
        await CpumapAsync("fan");
        JsonNode set = await EntryAsync("fan", 0, 192);
        Assert.Equal(1, set["entry"]!["threads"]!.GetValue<int>());
        JsonNode again = await EntryAsync("fan", 0, 64, mode: "CPUMAP_UPDATE_MODE_EXIST");
        Assert.False(again["draining"]?.GetValue<bool>() ?? false);
        Answer taken = await TryEntryAsync("fan", 0, 64, "CPUMAP_UPDATE_MODE_NOEXIST");
        Answer range = await TryEntryAsync("fan", 8000, 64, "CPUMAP_UPDATE_MODE_ANY");
        Answer long64 = await TryEntryAsync("fan", 0, 16_385, "CPUMAP_UPDATE_MODE_ANY");

        Assert.Equal(("ALREADY_EXISTS", "OUT_OF_RANGE", "OUT_OF_RANGE"), (taken.Code, range.Code, long64.Code));
        JsonNode entry = Assert.Single((await StatusAsync("fan"))["entries"]!.AsArray())!;
        Assert.Equal(64, entry["queue_size"]!.GetValue<int>());
        await Client.CallAsync("CpumapService.DeleteCpumapEntry", new { cpumap = "fan", cpu = 0 });
        Assert.Empty((await StatusAsync("fan"))["entries"]?.AsArray() ?? []);
        await Client.CallAsync("CpumapService.DeleteCpumap", new { name = "fan" });
        Assert.Equal("NOT_FOUND", (await Client.TryAsync("CpumapService.GetCpumap", new { name = "fan" })).Code);
    }

    [Fact]
    public async Task Steering_OverACpumap_CarriesPingsToTheStackThereAndCountsThem()
    {
        await Middle.IpAsync("addr", "add", $"{RightAddress}/24", "dev", "near0");
        await CpumapAsync("fan");
        await EntryAsync("fan", 0, 192);
        await SteerAsync(Rule("ping", new { ip_protocol = 1 }, ToCpumap("fan")));

        string text = await Shell.RunAsync(
            Left.Inside("ping", "-n", "-c", "50", "-i", "0.01", "-W", "2", RightAddress));

        Assert.Contains("50 received", text, StringComparison.Ordinal);
        await Eventually.TrueAsync("the pings are counted", async () =>
        {
            JsonNode stats = (await Client.CallAsync("NodeService.GetStats"))["stats"]!;
            JsonNode? rule = stats["steering_rules"]?.AsArray().FirstOrDefault(r => Text(r, "rule") == "ping");
            JsonNode? entry = stats["cpumap_entries"]?.AsArray().FirstOrDefault();
            return Json.ULong(rule?["packets"]) == 50 && Json.ULong(entry?["counters"]?["processed"]) >= 50;
        });
        Answer used = await Client.TryAsync("CpumapService.DeleteCpumap", new { name = "fan" });
        Assert.Equal(("FAILED_PRECONDITION", "IN_USE"), (used.Code, used.Reason));
    }

    [Fact]
    public async Task Steering_Tested_TellsRuleAndActionAndCountsNothing()
    {
        await CpumapAsync("fan");
        await EntryAsync("fan", 0, 192);
        await SteerAsync(Rule("ping", new { ip_protocol = 1 }, ToCpumap("fan")));

        JsonArray verdicts = (await Client.CallAsync("SteeringService.TestSteering", new
        {
            name = "edge",
            packets = new[] { Ping, Arp }.Select(hex => Convert.ToBase64String(Convert.FromHexString(hex))),
        }))["verdicts"]!.AsArray();

        Assert.Equal(
            ("ping", "cpumap", "fan"),
            (Text(verdicts[0], "rule"), Text(verdicts[0], "action"), Text(verdicts[0], "cpumap")));
        Assert.True(verdicts[1]!["management"]!.GetValue<bool>());
        JsonNode got = await Client.CallAsync("SteeringService.GetSteering", new { name = "edge" });
        Assert.Equal(0ul, Json.ULong(got["steering"]!["status"]!["rules"]![0]!["packets"]));
    }

    [Fact]
    public async Task Steering_ByAHundredThousandPrefixes_SurvivesBothProcesses()
    {
        await CpumapAsync("fan");
        await EntryAsync("fan", 0, 192);
        object[] prefixes = [.. Enumerable.Range(0, Prefixes).Select(i => (object)new
        {
            prefix = $"{1 + (i >> 16)}.{(i >> 8) & 255}.{i & 255}.0/24",
            cpu = 0,
        })];
        await SteerAsync(Rule("shaper", new { }, new
        {
            cpumap = new { cpumap = "fan", selection = new { kind = "CPU_SELECTION_KIND_SOURCE_PREFIX", prefixes } },
        }));

        JsonNode before = (await Node.DataPlaneAsync())!;
        Process.GetProcessById(Node.Pid(before)).Kill();
        await Node.ConnectedAsync(Node.Generation(before) + 1);
        await Node.KillServiceAsync();
        Node.StartService();
        await Node.ConnectedAsync();

        JsonNode steering = (await Client.CallAsync("SteeringService.GetSteering", new { name = "edge" }))["steering"]!;
        JsonNode selection = steering["spec"]!["rules"]![0]!["action"]!["cpumap"]!["selection"]!;
        Assert.Equal(Prefixes, selection["prefixes"]!.AsArray().Count);
        Assert.Equal("STEERING_STATE_ACTIVE", Text(steering["status"], "state"));
    }

    [Fact]
    public async Task Set_SeveralFaults_AreAllNamedAtOnce()
    {
        Answer answer = await Client.TryAsync("SteeringService.SetSteering", new
        {
            name = "edge",
            spec = new
            {
                @interface = "a/b",
                rules = new object[] { new { match = new { vlan = 5000, source = "x" } } },
            },
        });

        Assert.Equal("INVALID_ARGUMENT", answer.Code);
        Assert.Equal(
            ["spec.interface", "spec.rules[0].match.vlan", "spec.rules[0].match.source", "spec.rules[0].action"],
            answer.Fields);
    }

    [Fact]
    public async Task Set_FilterThatDoesNotParse_NamesItsField()
    {
        Answer answer = await TrySteerAsync(Rule("bad", new { filter = "tcp prt 80" }, new { drop = new { } }));

        Assert.Equal("INVALID_ARGUMENT", answer.Code);
        Assert.Equal(["spec.rules[0].match.filter"], answer.Fields);
    }

    private static string Text(JsonNode? node, string field) => node![field]!.GetValue<string>();

    private static object Rule(string name, object match, object action) => new { name, match, action };

    private static object ToCpumap(string cpumap) => new { cpumap = new { cpumap } };

    private Task<JsonNode> CpumapAsync(string name) => Client.CallAsync("CpumapService.CreateCpumap", new { name });

    private async Task<JsonNode> StatusAsync(string name) =>
        (await Client.CallAsync("CpumapService.GetCpumap", new { name }))["cpumap"]!["status"]!;

    private Task<JsonNode> EntryAsync(string cpumap, uint cpu, uint size, string mode = "CPUMAP_UPDATE_MODE_ANY") =>
        Client.CallAsync(
            "CpumapService.UpdateCpumapEntry", new { cpumap, entry = new { cpu, queue_size = size }, mode });

    private Task<Answer> TryEntryAsync(string cpumap, uint cpu, uint size, string mode) =>
        Client.TryAsync(
            "CpumapService.UpdateCpumapEntry", new { cpumap, entry = new { cpu, queue_size = size }, mode });

    private async Task SteerAsync(params object[] rules)
    {
        Answer answer = await TrySteerAsync(rules);
        Assert.True(answer.Ok, answer.Body.ToJsonString());
    }

    private Task<Answer> TrySteerAsync(params object[] rules) => Client.TryAsync("SteeringService.SetSteering", new
    {
        name = "edge",
        spec = new Dictionary<string, object>
        {
            ["interface"] = "near0",
            ["network_namespace"] = new { path = Middle.Path },
            ["rules"] = rules,
        },
    });
}
