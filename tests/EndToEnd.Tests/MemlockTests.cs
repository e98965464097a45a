using System.Text.Json.Nodes;
using Nf.EndToEnd.Tests.Support;
using Xunit.Abstractions;

namespace Nf.EndToEnd.Tests;

/// <summary>A data plane without CAP_IPC_LOCK: the kernel accounts what sockets pin against RLIMIT_MEMLOCK.</summary>
[Trait("Tier", "e2e")]
public sealed class MemlockTests(ITestOutputHelper output) : EndToEndTest(output)
{
    private const long Mib = 1 << 20;
    private const long Limit = 8 * Mib;
    private const long Large = 6 * Mib;

    /// <inheritdoc/>
    protected override string[] Wrapper =>
        ["prlimit", $"--memlock={Limit}:{Limit}", "setpriv", "--bounding-set=-ipc_lock", "--inh-caps=-ipc_lock"];

    [Fact]
    public async Task Umem_AboveMemlock_IsResourceExhaustedAndTheRestGoesOn()
    {
        Answer refused = await Client.TryAsync(
            "UmemService.CreateUmem", new { name = "huge", spec = new { size_bytes = $"{2 * Limit}" } });
        Assert.Equal(("RESOURCE_EXHAUSTED", "MEMLOCK_EXCEEDED"), (refused.Code, refused.Reason));
        Assert.Contains("CAP_IPC_LOCK", refused.Message, StringComparison.Ordinal);

        // Each fits; both do not.
        await CreateAsync("u0", Large);
        await BindAsync("s0", "u0", "near0");
        Answer second = await Client.TryAsync(
            "UmemService.CreateUmem", new { name = "u1", spec = new { size_bytes = $"{Large}" } });
        Assert.Equal(("RESOURCE_EXHAUSTED", "MEMLOCK_EXCEEDED"), (second.Code, second.Reason));

        // What fits is bound, and carries traffic.
        await CreateAsync("u2", Mib);
        await BindAsync("s1", "u2", "near1");
        await Node.LinkAsync("l0", "s0", "s1");
        await PingableAsync();

        await Client.CallAsync("LinkService.DeleteLink", new { name = "l0" });
        await Client.CallAsync("XskSocketService.UnbindXskSocket", new { name = "s0" });
        await Client.CallAsync("UmemService.DeleteUmem", new { name = "u0" });
        await CreateAsync("u1", Large);
    }

    private Task<JsonNode> CreateAsync(string name, long sizeBytes) =>
        Client.CallAsync("UmemService.CreateUmem", new { name, spec = new { size_bytes = $"{sizeBytes}" } });

    private Task<JsonNode> BindAsync(string name, string umem, string device) =>
        Client.CallAsync("XskSocketService.BindXskSocket", new
        {
            name,
            spec = new Dictionary<string, object>
            {
                ["umem"] = umem,
                ["interface"] = device,
                ["network_namespace"] = new { path = Middle.Path },
            },
        });
}
