using System.Text.Json.Nodes;
using Nf.EndToEnd.Tests.Support;
using Xunit.Abstractions;

namespace Nf.EndToEnd.Tests;

/// <summary>
/// What happens to a device under a bound socket is told as a state and as an event, and mended where it can be.
/// </summary>
[Trait("Tier", "e2e")]
public sealed class DeviceTests(ITestOutputHelper output) : EndToEndTest(output)
{
    [Fact]
    public async Task Device_DownAndUp_IsToldAndTrafficGoesOn()
    {
        await WatchedAsync();
        await Middle.IpAsync("link", "set", "near0", "down");
        await StateAsync("s0", "DEVICE_DOWN");
        await LinkStateAsync("DEGRADED");
        await Middle.IpAsync("link", "set", "near0", "up");
        await StateAsync("s0", "BOUND");
        await LinkStateAsync("UP");
        await PingableAsync();
        await EventAsync("EVENT_KIND_STATE_CHANGED", "s0");
        await Node.ClosedLedgerAsync("u0");
    }

    [Fact]
    public async Task Device_MtuChanged_IsToldAndTrafficGoesOn()
    {
        await WatchedAsync();
        await Middle.IpAsync("link", "set", "near0", "mtu", "1400");
        await EventAsync("EVENT_KIND_INTERFACE_CHANGED", "near0");
        await Eventually.TrueAsync("the largest frame follows the MTU", async () =>
        {
            JsonNode socket = await Client.CallAsync("XskSocketService.GetXskSocket", new { name = "s0" });
            return Json.ULong(socket["xsk_socket"]!["status"]!["frame_bytes_max"]) is >= 1414 and < 1500;
        });
        await PingableAsync();
    }

    [Fact]
    public async Task Device_DeletedAndMadeAgain_IsBoundAgain()
    {
        await WatchedAsync();
        await Middle.IpAsync("link", "del", "near0");
        await StateAsync("s0", "DEVICE_LOST");
        await LinkStateAsync("DEGRADED");
        await Middle.PairAsync("near0", Left, "left0");
        await Left.IpAsync("addr", "add", $"{LeftAddress}/24", "dev", "left0");
        await StateAsync("s0", "BOUND");
        await LinkStateAsync("UP");
        await PingableAsync();
        await EventAsync("EVENT_KIND_STATE_CHANGED", "s0");
        await Node.ClosedLedgerAsync("u0");
    }

    [Fact]
    public async Task Device_MovedToAnotherNamespaceAndBack_IsBoundAgain()
    {
        await WatchedAsync();
        await Middle.IpAsync("link", "set", "near0", "netns", Right.Name);
        await StateAsync("s0", "DEVICE_LOST");
        await Right.IpAsync("link", "set", "near0", "netns", Middle.Name);
        await Middle.IpAsync("link", "set", "near0", "up");
        await StateAsync("s0", "BOUND");
        await PingableAsync();
        await Node.ClosedLedgerAsync("u0");
    }

    [Fact]
    public async Task Events_OfResources_AreNumberedAndTold()
    {
        await WatchedAsync();
        await Client.CallAsync("LinkService.DeleteLink", new { name = "l0" });
        await EventAsync("EVENT_KIND_DELETED", "l0");
        await Node.LinkAsync("l1", "s0", "s1");
        await EventAsync("EVENT_KIND_CREATED", "l1");
        ulong[] numbers = [.. (await EventsAsync()).Select(e => Json.ULong(e["sequence"]))];
        Assert.Equal(numbers.Order(), numbers);
        Assert.Equal(numbers.Length, numbers.Distinct().Count());
    }

    private async Task WatchedAsync()
    {
        await ConnectAsync();
        await PingableAsync();
        await Client.CallAsync("watch", new { include_past = true });
    }

    private async Task<List<JsonNode>> EventsAsync() =>
        [.. (await Client.CallAsync("events"))["events"]!.AsArray().Select(e => e!)];

    private Task EventAsync(string kind, string resource)
    {
        return Eventually.TrueAsync($"{kind} of {resource}", async () => (await EventsAsync()).Any(e =>
            e["kind"]?.GetValue<string>() == kind && e["resource_name"]?.GetValue<string>() == resource));
    }

    private Task StateAsync(string socket, string state) =>
        Eventually.TrueAsync($"{socket} {state}", async () => await Node.StateAsync(socket) == state);

    private Task LinkStateAsync(string state)
    {
        return Eventually.TrueAsync($"link {state}", async () =>
        {
            JsonNode link = await Client.CallAsync("LinkService.GetLink", new { name = "l0" });
            return link["link"]!["status"]!["state"]!.GetValue<string>() == $"LINK_STATE_{state}";
        });
    }
}
