using System.Globalization;
using System.Text.Json.Nodes;

namespace Nf.EndToEnd.Tests.Support;

/// <summary>nf-keeper (and its data plane) and nf-service of this build, in a run directory of their own.</summary>
internal sealed class Node : IAsyncDisposable
{
    /// <summary>An owner of packet memory with a quota; others have none.</summary>
    internal const string LimitedOwner = "limited";

    /// <summary>The quota of <see cref="LimitedOwner"/>.</summary>
    internal const long LimitedOwnerBytes = 2 << 20;

    private readonly string _folder;
    private readonly NetSpace? _space;
    private readonly string? _brokerPolicy;
    private readonly string[] _wrapper;
    private readonly List<Daemon> _past = [];
    private Daemon? _keeper;
    private Daemon? _service;

    private Node(string folder, NetSpace? space, string? brokerPolicy, string[] wrapper)
    {
        _folder = folder;
        _brokerPolicy = brokerPolicy;
        _space = space;
        _wrapper = wrapper;
    }

    /// <summary>The foreign client through which the tests speak.</summary>
    internal ForeignClient Client { get; private set; } = null!;

    /// <summary>The run directory.</summary>
    internal string Run => Path.Combine(_folder, "run");

    /// <summary>The broker's socket.</summary>
    internal string Broker => Path.Combine(Run, "broker.sock");

    /// <summary>Process id of nf-service.</summary>
    internal int ServicePid => _service!.Pid;

    /// <summary>Process id of nf-keeper.</summary>
    internal int KeeperPid => _keeper!.Pid;

    /// <summary>Before ordinary programs: for tests of rates or gaps, which are about us and not about what else the
    /// machine does.</summary>
    internal static readonly string[] Realtime = ["chrt", "-f", "2"];

    /// <summary>Starts both and waits until the service sees the data plane.</summary>
    /// <param name="space">The network namespace of the keeper and its lives; null for that of the test.</param>
    /// <param name="wrapper">The program, and its arguments, that starts the keeper and its lives.</param>
    internal static Task<Node> StartAsync(NetSpace? space = null, params string[] wrapper) =>
        StartAsync(space, null, wrapper);

    /// <summary>Starts both, with a policy of the broker.</summary>
    /// <param name="space">The network namespace of the keeper and its lives; null for that of the test.</param>
    /// <param name="brokerPolicy">Text of the policy file; null for none. With one, any user reaches the run directory.
    /// </param>
    /// <param name="wrapper">The program, and its arguments, that starts the keeper and its lives.</param>
    internal static async Task<Node> StartAsync(NetSpace? space, string? brokerPolicy, string[] wrapper)
    {
        var node = new Node(Directory.CreateTempSubdirectory("nf-e2e-").FullName, space, brokerPolicy, wrapper);
        Directory.CreateDirectory(node.Run);
        if (brokerPolicy is not null)
        {
            await File.WriteAllTextAsync(node.PolicyPath, brokerPolicy);
            await Shell.RunAsync("chmod", "755", node._folder, node.Run);
        }

        node.StartKeeper();
        try
        {
            node.StartService();
            node.Client = await ForeignClient.StartAsync(
                Path.Combine(node.Run, "nf.sock"), Path.Combine(node._folder, "stubs"));
            await node.ConnectedAsync();
            return node;
        }
        catch (Exception e)
        {
            string logs = node.Logs;
            await node.DisposeAsync();
            throw new InvalidOperationException($"the node did not come up: {e.Message}\n{logs}", e);
        }
    }

    /// <summary>Kills nf-keeper and every life of the data plane with SIGKILL, and starts a keeper anew, whose data
    /// plane this waits for: nothing is left of the old ones, but nf-service still knows what is wanted.</summary>
    internal async Task KillAndStartAsync()
    {
        IReadOnlyList<int> lives = ProcessTable.Children(KeeperPid);
        IEnumerable<string> pids = lives.Prepend(KeeperPid).Select(pid => pid.ToString(CultureInfo.InvariantCulture));
        await Shell.TryAsync(["kill", "-KILL", .. pids]);
        await _keeper!.KillAsync();
        _past.Add(_keeper);
        StartKeeper();
        await Eventually.TrueAsync("a data plane of the new keeper", async () =>
            await DataPlaneAsync() is { } plane && !lives.Contains(Pid(plane)));
    }

    /// <summary>Starts nf-service again after it was killed.</summary>
    internal void StartService()
    {
        if (_service is not null)
        {
            _past.Add(_service);
        }

        _service = Daemon.Start("nf-service", [
            .. Layout.Program("NfService", "nf-service"), "--run", Run, "--metrics", "http://127.0.0.1:0",
            "--quota", $"{LimitedOwner}={LimitedOwnerBytes.ToString(CultureInfo.InvariantCulture)}"]);
    }

    /// <summary>Kills nf-service with SIGKILL.</summary>
    internal Task KillServiceAsync() => _service!.KillAsync();

    /// <summary>The data plane as the service sees it; null while it is away.</summary>
    internal async Task<JsonNode?> DataPlaneAsync()
    {
        Answer answer = await Client.TryAsync("NodeService.GetNode", timeoutSeconds: 2);
        JsonNode? plane = answer.Ok ? answer.Response["node"]!["data_plane"] : null;
        return plane?["connected"]?.GetValue<bool>() == true ? plane : null;
    }

    /// <summary>Waits until the service sees a data plane of at least this generation.</summary>
    internal Task<JsonNode> ConnectedAsync(ulong generation = 0)
    {
        return Eventually.GetAsync($"data plane of generation {generation} or later", async () =>
        {
            foreach (Daemon daemon in new[] { _keeper!, _service! })
            {
                Assert.False(daemon.HasExited, $"{daemon.Name} ended:\n{daemon.Log}");
            }

            return await DataPlaneAsync() is { } plane && Generation(plane) >= generation ? plane : null;
        });
    }

    /// <summary>Which life of the data plane a GetNode answer tells of.</summary>
    internal static ulong Generation(JsonNode dataPlane) => Json.ULong(dataPlane["generation"]);

    /// <summary>Process id of the data plane in a GetNode answer.</summary>
    internal static int Pid(JsonNode dataPlane) => dataPlane["pid"]!.GetValue<int>();

    /// <summary>Creates a UMEM of 16 MiB, or of another size.</summary>
    internal Task<JsonNode> UmemAsync(string name, long sizeBytes = 16 << 20) =>
        Client.CallAsync("UmemService.CreateUmem", new { name, spec = new { size_bytes = $"{sizeBytes}" } });

    /// <summary>Binds a socket on queue 0 of a device in a namespace; null for the data plane's own.</summary>
    internal Task<JsonNode> SocketAsync(string name, string umem, NetSpace? space, string device)
    {
        var spec = new Dictionary<string, object> { ["umem"] = umem, ["interface"] = device };
        if (space is not null)
        {
            spec["network_namespace"] = new { path = space.Path };
        }

        return Client.CallAsync("XskSocketService.BindXskSocket", new { name, spec });
    }

    /// <summary>Links two sockets.</summary>
    internal Task<JsonNode> LinkAsync(string name, string a, string b) =>
        Client.CallAsync("LinkService.CreateLink", new
        {
            name,
            spec = new { a = new { xsk_sockets = new[] { a } }, b = new { xsk_sockets = new[] { b } } },
        });

    /// <summary>The state of a socket now, without its prefix.</summary>
    internal async Task<string> StateAsync(string socket)
    {
        JsonNode answer = await Client.CallAsync("XskSocketService.GetXskSocket", new { name = socket });
        string state = answer["xsk_socket"]!["status"]!["state"]!.GetValue<string>();
        return state.Replace("XSK_STATE_", "", StringComparison.Ordinal);
    }

    /// <summary>The counters of a socket.</summary>
    internal async Task<JsonNode> PortAsync(string socket)
    {
        JsonNode stats = (await Client.CallAsync("NodeService.GetStats"))["stats"]!;
        return stats["ports"]!.AsArray().Single(p => p!["xsk_socket"]!.GetValue<string>() == socket)!;
    }

    /// <summary>Waits until the chunk ledger of a UMEM closes, and returns it.</summary>
    internal Task<JsonNode> ClosedLedgerAsync(string umem)
    {
        JsonNode? last = null;
        return Eventually.GetAsync($"ledger of {umem} closed", async () =>
        {
            JsonNode answer = await Client.CallAsync("UmemService.GetUmem", new { name = umem });
            last = answer["umem"]!["status"]!["ledger"];
            return last?["closed"]?.GetValue<bool>() == true ? last : null;
        });
    }

    /// <summary>What every process said.</summary>
    internal string Logs
    {
        get
        {
            IEnumerable<Daemon> all = [.. _past, .. new[] { _keeper, _service }.OfType<Daemon>()];
            return string.Join("\n", all.Select(d => string.Create(
                CultureInfo.InvariantCulture, $"----- {d.Name} (pid {d.Pid})\n{Tail(d.Log)}")));
        }
    }

    public async ValueTask DisposeAsync()
    {
        if (Client is not null)
        {
            await Client.DisposeAsync();
        }

        foreach (Daemon daemon in _past.Concat(new[] { _service, _keeper }.OfType<Daemon>()))
        {
            await daemon.DisposeAsync();
        }

        Directory.Delete(_folder, recursive: true);
    }

    /// <summary>A wrapper that leaves the keeper and its lives only these capabilities (setpriv).</summary>
    internal static string[] OnlyWith(string capabilities)
    {
        string set = "-all,+" + capabilities.Replace(",", ",+", StringComparison.Ordinal);
        return ["setpriv", "--no-new-privs", $"--bounding-set={set}", "--inh-caps=-all"];
    }

    private string PolicyPath => Path.Combine(_folder, "policy.json");

    private void StartKeeper()
    {
        string[] keeper = [
            .. _wrapper, .. Layout.Program("Keeper", "nf-keeper"), "--run", Run,
            "--data-plane", Layout.ProgramPath("DataPlane", "nf-dataplane"),
            .. _brokerPolicy is null ? Array.Empty<string>() : ["--", "--broker-policy", PolicyPath]];
        _keeper = Daemon.Start("nf-keeper", _space is null ? keeper : _space.Inside(keeper));
    }

    private static string Tail(string log) => log.Length > 12000 ? "…" + log[^12000..] : log;
}
