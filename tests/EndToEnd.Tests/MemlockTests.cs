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

        // Each fits; both do not. What was pinned for a moment counts until the kernel has cleaned up.
        await CreatedAsync("u0", Large);
        await BoundAsync("s0", "u0", "near0");
        Answer second = await Client.TryAsync(
            "UmemService.CreateUmem", new { name = "u1", spec = new { size_bytes = $"{Large}" } });
        Assert.Equal(("RESOURCE_EXHAUSTED", "MEMLOCK_EXCEEDED"), (second.Code, second.Reason));

        // What fits is bound, and carries traffic.
        await CreatedAsync("u2", Mib);
        await BoundAsync("s1", "u2", "near1");
        await Node.LinkAsync("l0", "s0", "s1");
        await PingableAsync();

        await Client.CallAsync("LinkService.DeleteLink", new { name = "l0" });
        await Client.CallAsync("XskSocketService.UnbindXskSocket", new { name = "s0" });
        await Client.CallAsync("UmemService.DeleteUmem", new { name = "u0" });
        await CreatedAsync("u1", Large);
    }

    // What the offer at creation pinned may count for a moment yet, as above.
    private Task BoundAsync(string name, string umem, string device) =>
        Eventually.TrueAsync($"{name} is bound", () => TryBindAsync(name, umem, device));

    private async Task<bool> TryBindAsync(string name, string umem, string device)
    {
        Answer answer = await Client.TryAsync("XskSocketService.BindXskSocket", new
        {
            name,
            spec = new Dictionary<string, object>
            {
                ["umem"] = umem,
                ["interface"] = device,
                ["network_namespace"] = new { path = Middle.Path },
            },
        });
        return answer.Ok;
    }

    private Task CreatedAsync(string name, long sizeBytes) => Eventually.TrueAsync($"{name} is created", async () =>
    {
        Answer answer = await Client.TryAsync(
            "UmemService.CreateUmem", new { name, spec = new { size_bytes = $"{sizeBytes}" } });
        Assert.True(
            answer.Ok || answer.Reason == "MEMLOCK_EXCEEDED", answer.Ok ? "" : answer.Body.ToJsonString());
        return answer.Ok;
    });
}
