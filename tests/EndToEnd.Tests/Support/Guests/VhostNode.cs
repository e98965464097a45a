using System.Text.Json.Nodes;

namespace Nf.EndToEnd.Tests.Support.Guests;

/// <summary>What the tests ask of a node about vhost-user devices, links and bridges.</summary>
internal static class VhostNode
{
    /// <summary>Creates a device that listens, or with <paramref name="client"/> connects.</summary>
    internal static Task<JsonNode> VhostAsync(
        this Node node, string name, string path, int pairs = 1, bool client = false, int queueSize = 1024)
    {
        return node.Client.CallAsync("VhostDeviceService.CreateVhostDevice", new
        {
            name,
            spec = new Dictionary<string, object>
            {
                ["socket_path"] = path,
                ["role"] = client ? "VHOST_ROLE_CLIENT" : "VHOST_ROLE_SERVER",
                ["queue_pairs"] = pairs,
                ["queue_size_max"] = queueSize,
            },
        });
    }

    /// <summary>Deletes a device.</summary>
    internal static Task DeleteVhostAsync(this Node node, string name) =>
        node.Client.CallAsync("VhostDeviceService.DeleteVhostDevice", new { name, force = true });

    /// <summary>What the service tells of a device now.</summary>
    internal static async Task<JsonNode> VhostStatusAsync(this Node node, string name)
    {
        return await node.FindVhostStatusAsync(name)
            ?? throw new InvalidOperationException($"nothing is known of device {name}");
    }

    /// <summary>Likewise; null while no data plane has it, such as between the end of one and the next.</summary>
    internal static async Task<JsonNode?> FindVhostStatusAsync(this Node node, string name)
    {
        JsonNode answer = await node.Client.CallAsync("VhostDeviceService.GetVhostDevice", new { name });
        return answer["vhost_device"]!["status"];
    }

    /// <summary>Waits until a device is in a state, such as <c>STARTED</c>.</summary>
    internal static Task<JsonNode> VhostStateAsync(this Node node, string name, string state)
    {
        return Eventually.GetAsync($"device {name} is {state}", async () =>
        {
            JsonNode? status = await node.FindVhostStatusAsync(name);
            return status?["state"]?.GetValue<string>() == $"VHOST_STATE_{state}" ? status : null;
        });
    }

    /// <summary>How many connections a device has had.</summary>
    internal static async Task<ulong> VhostConnectionsAsync(this Node node, string name) =>
        Json.ULong((await node.VhostStatusAsync(name))["connections"]);

    /// <summary>Buffers that the guest of a device sent and that we have not taken yet.</summary>
    internal static async Task<ulong> VhostPendingAsync(this Node node, string name)
    {
        ulong sum = 0;
        foreach (JsonNode ring in (await node.VhostStatusAsync(name))["rings"]!.AsArray().OfType<JsonNode>())
        {
            sum += ring["from_guest"]!.GetValue<bool>() ? Json.ULong(ring["pending"]) : 0;
        }

        return sum;
    }

    /// <summary>An endpoint that is a device.</summary>
    internal static object Device(string name) => new Dictionary<string, object> { ["vhost_device"] = name };

    /// <summary>An endpoint that is a socket.</summary>
    internal static object Socket(string name) =>
        new Dictionary<string, object> { ["xsk_sockets"] = new[] { name } };

    /// <summary>Links two endpoints.</summary>
    internal static Task LinkAsync(this Node node, string name, object a, object b) =>
        node.Client.CallAsync("LinkService.CreateLink", new { name, spec = new { a, b } });

    /// <summary>Deletes a link.</summary>
    internal static Task DeleteLinkAsync(this Node node, string name) =>
        node.Client.CallAsync("LinkService.DeleteLink", new { name });

    /// <summary>Makes a bridge of endpoints.</summary>
    internal static Task BridgeAsync(this Node node, string name, params object[] endpoints) =>
        node.Client.CallAsync("BridgeService.CreateBridge", new { name, spec = new { endpoints } });

    /// <summary>Deletes a bridge.</summary>
    internal static Task DeleteBridgeAsync(this Node node, string name) =>
        node.Client.CallAsync("BridgeService.DeleteBridge", new { name });

    /// <summary>Counters of the queue pairs of a device.</summary>
    internal static async Task<IReadOnlyList<JsonNode>> VhostPortsAsync(this Node node, string device)
    {
        JsonNode stats = (await node.Client.CallAsync("NodeService.GetStats"))["stats"]!;
        return [.. stats["ports"]!.AsArray().Select(p => p!)
            .Where(p => p["vhost_device"]?.GetValue<string>() == device)];
    }

    /// <summary>Packets dropped on the way to or from a device, whatever the reason.</summary>
    internal static async Task<ulong> VhostDropsAsync(this Node node, string device)
    {
        ulong sum = 0;
        foreach (JsonNode drop in (await node.VhostPortsAsync(device)).SelectMany(
                     port => port["drops"]?.AsArray() ?? []).OfType<JsonNode>())
        {
            sum += Json.ULong(drop["packets"]);
        }

        return sum;
    }

    /// <summary>A counter summed over the queue pairs of a device.</summary>
    internal static async Task<ulong> VhostSumAsync(this Node node, string device, string counter)
    {
        ulong sum = 0;
        foreach (JsonNode port in await node.VhostPortsAsync(device))
        {
            sum += Json.ULong(port[counter]);
        }

        return sum;
    }
}
