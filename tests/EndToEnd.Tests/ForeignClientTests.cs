using System.Text.Json.Nodes;
using Nf.EndToEnd.Tests.Support;
using Xunit.Abstractions;

namespace Nf.EndToEnd.Tests;

/// <summary>A client that knows nothing of us but the protos: Python grpcio.</summary>
[Trait("Tier", "e2e")]
public sealed class ForeignClientTests(ITestOutputHelper output) : EndToEndTest(output)
{
    [Fact]
    public async Task Resources_CreatedReadListedDeleted_AreWhatWasAskedFor()
    {
        JsonNode umem = (await Node.UmemAsync("u0"))["umem"]!;
        Assert.Equal("UMEM_STATE_READY", umem["status"]!["state"]!.GetValue<string>());
        Assert.Equal(8192ul, Json.ULong(umem["status"]!["chunk_count"]));
        Assert.True(umem["status"]!["ledger"]!["closed"]!.GetValue<bool>(), umem.ToJsonString());

        JsonNode socket = (await Node.SocketAsync("s0", "u0", Middle, "near0"))["xsk_socket"]!;
        JsonNode status = socket["status"]!;
        Assert.Equal("XSK_STATE_BOUND", status["state"]!.GetValue<string>());
        Assert.Equal("XSK_MODE_COPY", status["mode"]!.GetValue<string>());
        Assert.NotEqual("", status["mode_reason"]!.GetValue<string>());
        Assert.Equal("XDP_MODE_NATIVE", status["xdp_mode"]!.GetValue<string>());
        Assert.Equal("veth", status["driver"]!.GetValue<string>());
        Assert.NotEqual(0ul, Json.ULong(status["xdp_program_id"]));

        await Node.SocketAsync("s1", "u0", Middle, "near1");
        await Node.LinkAsync("l0", "s0", "s1");
        Assert.Equal(["u0"], Names(await Client.CallAsync("UmemService.ListUmems"), "umems"));
        Assert.Equal(["s0", "s1"], Names(await Client.CallAsync("XskSocketService.ListXskSockets"), "xsk_sockets"));
        Assert.Equal(["l0"], Names(await Client.CallAsync("LinkService.ListLinks"), "links"));

        await Client.CallAsync("LinkService.DeleteLink", new { name = "l0" });
        await Client.CallAsync("XskSocketService.UnbindXskSocket", new { name = "s0" });
        await Client.CallAsync("XskSocketService.UnbindXskSocket", new { name = "s1" });
        await Client.CallAsync("UmemService.DeleteUmem", new { name = "u0" });
        await GoneAsync("UmemService.GetUmem", "u0");
        await GoneAsync("XskSocketService.GetXskSocket", "s0");
        await GoneAsync("LinkService.GetLink", "l0");
    }

    [Fact]
    public async Task List_InPages_TellsEveryNameOnceInOrder()
    {
        string[] names = ["a", "b", "c", "d", "e"];
        foreach (string name in names.Reverse())
        {
            await Client.CallAsync("UmemService.CreateUmem", new { name, spec = new { size_bytes = "1048576" } });
        }

        List<string> seen = [];
        string token = "";
        do
        {
            JsonNode page = await Client.CallAsync("UmemService.ListUmems", new { page = new { size = 2, token } });
            string[] part = Names(page, "umems");
            Assert.InRange(part.Length, 1, 2);
            seen.AddRange(part);
            token = page["next_page_token"]!.GetValue<string>();
        }
        while (token.Length > 0);

        Assert.Equal(names, seen);
    }

    [Fact]
    public async Task Create_SameSpecTwice_IsTheSameAndAnotherSpecIsRefused()
    {
        await Node.UmemAsync("u0");
        await Node.UmemAsync("u0");
        Answer other = await Client.TryAsync(
            "UmemService.CreateUmem", new { name = "u0", spec = new { size_bytes = "8388608" } });
        Assert.Equal("ALREADY_EXISTS", other.Code);
        Assert.Contains("u0", other.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Create_BeyondTheQuotaOfItsOwner_IsRefusedUntilTheOwnerLetsGo()
    {
        Task<Answer> CreateAsync(string name, long bytes, string owner) => Client.TryAsync(
            "UmemService.CreateUmem",
            new { name, spec = new { size_bytes = $"{bytes}", quota_owner = owner } });
        const long Half = Node.LimitedOwnerBytes / 2;
        Assert.Equal("OK", (await CreateAsync("one", Half, Node.LimitedOwner)).Code);

        Answer refused = await CreateAsync("two", Half + 2048, Node.LimitedOwner);
        Assert.Equal(("RESOURCE_EXHAUSTED", "QUOTA_EXCEEDED"), (refused.Code, refused.Reason));
        Assert.Equal("ENOBUFS", refused.Body["metadata"]!["errno"]!.GetValue<string>());
        Assert.Contains(
            $"{Half} of {Node.LimitedOwnerBytes} bytes are used", refused.Message, StringComparison.Ordinal);
        await GoneAsync("UmemService.GetUmem", "two");

        Assert.Equal("OK", (await CreateAsync("two", Half, Node.LimitedOwner)).Code);
        Assert.Equal("OK", (await CreateAsync("other", Half + 2048, "somebody")).Code);
        await Client.CallAsync("UmemService.DeleteUmem", new { name = "one" });
        Assert.Equal("OK", (await CreateAsync("three", Half, Node.LimitedOwner)).Code);
    }

    [Fact]
    public async Task Create_SeveralFaults_AreAllNamedAtOnceInBadRequest()
    {
        Answer answer = await Client.TryAsync("UmemService.CreateUmem", new
        {
            name = "Not A Name",
            spec = new { size_bytes = "12345", chunk_size_bytes = 3000, tx_metadata_bytes = 7 },
        });
        Assert.Equal("INVALID_ARGUMENT", answer.Code);
        Assert.Contains("name", answer.Fields);
        Assert.Contains(answer.Fields, f => f.EndsWith("chunk_size_bytes", StringComparison.Ordinal));
        Assert.Contains(answer.Fields, f => f.EndsWith("tx_metadata_bytes", StringComparison.Ordinal));
        Assert.Equal(3, answer.Body["status_code"]!.GetValue<int>());
        Assert.Empty(Names(await Client.CallAsync("UmemService.ListUmems"), "umems"));
    }

    [Fact]
    public async Task ValidateOnly_GoodSpec_AnswersWithDefaultsAndCreatesNothing()
    {
        JsonNode answer = await Client.CallAsync(
            "UmemService.CreateUmem", new { name = "u0", spec = new { size_bytes = "1048576" }, validate_only = true });
        Assert.Equal(2048ul, Json.ULong(answer["umem"]!["spec"]!["chunk_size_bytes"]));
        Assert.Empty(Names(await Client.CallAsync("UmemService.ListUmems"), "umems"));
    }

    [Fact]
    public async Task Create_MoreThanTheMachineHas_IsRefusedAndTheDataPlaneLivesOn()
    {
        JsonNode plane = await Node.ConnectedAsync();
        Answer answer = await Client.TryAsync(
            "UmemService.CreateUmem", new { name = "u0", spec = new { size_bytes = $"{1L << 40}" } });
        Assert.Equal("RESOURCE_EXHAUSTED", answer.Code);
        Assert.Equal("MEMORY_EXHAUSTED", answer.Reason);
        Assert.Equal(Node.Generation(plane), Node.Generation(await Node.ConnectedAsync()));
        Assert.Empty(Names(await Client.CallAsync("UmemService.ListUmems"), "umems"));
    }

    [Fact]
    public async Task Create_PlacedWhereNothingIs_NamesTheField()
    {
        Answer cpu = await Client.TryAsync(
            "UmemService.CreateUmem", new { name = "u0", spec = new { size_bytes = "1048576", worker_cpu = 4000 } });
        Assert.Equal(["spec.worker_cpu"], cpu.Fields);
        Answer node = await Client.TryAsync(
            "UmemService.CreateUmem", new { name = "u0", spec = new { size_bytes = "1048576", numa_node = 1000 } });
        Assert.Equal(["spec.numa_node"], node.Fields);
    }

    [Theory]
    [InlineData("UmemService.GetUmem")]
    [InlineData("UmemService.DeleteUmem")]
    [InlineData("XskSocketService.GetXskSocket")]
    [InlineData("XskSocketService.UnbindXskSocket")]
    [InlineData("LinkService.GetLink")]
    [InlineData("LinkService.DeleteLink")]
    public async Task Call_UnknownName_IsNotFoundWithErrorInfo(string method)
    {
        Answer answer = await Client.TryAsync(method, new { name = "nothing" });
        Assert.Equal("NOT_FOUND", answer.Code);
        Assert.Contains("nothing", answer.Message, StringComparison.Ordinal);
        Assert.Equal("nf", answer.Body["domain"]!.GetValue<string>());
        Assert.NotEqual("", answer.Reason);
    }

    [Fact]
    public async Task Bind_ImpossibleThings_AreRefusedForTheirReason()
    {
        await Node.UmemAsync("u0");
        await Node.SocketAsync("s0", "u0", Middle, "near0");
        object space = new { path = Middle.Path };
        await Node.UmemAsync("u1");
        Answer taken = await BindAsync("s1", Spec("u1", "near0", space));
        Assert.Equal("FAILED_PRECONDITION", taken.Code);
        Answer zeroCopy = await BindAsync("s1", Spec("u0", "near1", space, "XSK_MODE_ZERO_COPY"));
        Assert.Equal("FAILED_PRECONDITION", zeroCopy.Code);
        Assert.Equal("NOT_FOUND", (await BindAsync("s1", Spec("u0", "no-such-if", space))).Code);
        Assert.Equal("NOT_FOUND", (await BindAsync("s1", Spec("no-such-umem", "near1", space))).Code);
        object nowhere = new { path = "/run/netns/nf-e2e-none" };
        Assert.Equal("NOT_FOUND", (await BindAsync("s1", Spec("u0", "near1", nowhere))).Code);
    }

    [Fact]
    public async Task Delete_WhileInUse_IsRefusedUnlessForced()
    {
        await ConnectAsync();
        Answer umem = await Client.TryAsync("UmemService.DeleteUmem", new { name = "u0" });
        Assert.Equal("FAILED_PRECONDITION", umem.Code);
        Answer socket = await Client.TryAsync("XskSocketService.UnbindXskSocket", new { name = "s0" });
        Assert.Equal("FAILED_PRECONDITION", socket.Code);
        await Client.CallAsync("UmemService.DeleteUmem", new { name = "u0", force = true });
        await GoneAsync("UmemService.GetUmem", "u0");
        await GoneAsync("XskSocketService.GetXskSocket", "s1");
        await GoneAsync("LinkService.GetLink", "l0");
    }

    [Fact]
    public async Task Node_Described_NamesTheKernelAndTheInterfacesOfANamespace()
    {
        object request = new { network_namespace = new { path = Middle.Path } };
        JsonNode node = (await Client.CallAsync("NodeService.GetNode", request))["node"]!;
        string release = await File.ReadAllTextAsync("/proc/sys/kernel/osrelease");
        Assert.Equal(release.Trim(), node["kernel_release"]!.GetValue<string>());
        JsonNode near = node["interfaces"]!.AsArray().Single(i => i!["name"]!.GetValue<string>() == "near0")!;
        Assert.Equal("veth", near["driver"]!.GetValue<string>());
        Assert.Equal(1500ul, Json.ULong(near["mtu_bytes"]));
        Assert.True(near["up"]!.GetValue<bool>());
    }

    private Task<Answer> BindAsync(string name, object spec) =>
        Client.TryAsync("XskSocketService.BindXskSocket", new { name, spec });

    private static Dictionary<string, object> Spec(
        string umem, string device, object space, string mode = "XSK_MODE_AUTO")
    {
        return new() { ["umem"] = umem, ["interface"] = device, ["network_namespace"] = space, ["mode"] = mode };
    }

    private Task GoneAsync(string method, string name)
    {
        return Eventually.TrueAsync($"{name} gone", async () =>
            (await Client.TryAsync(method, new { name })).Code == "NOT_FOUND");
    }

    private static string[] Names(JsonNode answer, string list) =>
        [.. answer[list]!.AsArray().Select(r => r!["name"]!.GetValue<string>())];
}
