using Endpoint = Nf.V1.Endpoint;

namespace Nf.Service;

/// <summary>A socket or device that stands in an endpoint.</summary>
/// <param name="Type">A type of <see cref="DesiredResource"/>.</param>
/// <param name="Name">Its name.</param>
internal readonly record struct EndpointMember(string Type, string Name)
{
    public override string ToString() => $"{Type} \"{Name}\"";
}

/// <summary>The rules of an endpoint: sockets, or one vhost-user device.</summary>
internal static class Endpoints
{
    /// <summary>Most sockets of an endpoint. Arbitrary: the queues of a large NIC.</summary>
    public const int SocketCountMax = 64;

    /// <summary>What stands in an endpoint, in order.</summary>
    public static IEnumerable<EndpointMember> MembersOf(Endpoint endpoint) => endpoint.VhostDevice.Length > 0
        ? [new EndpointMember(DesiredResource.VhostDeviceType, endpoint.VhostDevice)]
        : endpoint.XskSockets.Select(name => new EndpointMember(DesiredResource.XskSocketType, name));

    /// <summary>The cpumap that spreads an endpoint's frames, with the field that names it; none or one.</summary>
    public static IEnumerable<(string Cpumap, string Field)> CpumapOf(Endpoint endpoint, string field)
    {
        if (endpoint.Cpumap is { } cpumap)
        {
            yield return (cpumap.Cpumap, $"{field}.cpumap.cpumap");
        }
    }

    /// <summary>Notes every fault of an endpoint whose defaults are filled in.</summary>
    public static void Check(SpecFaults faults, string field, Endpoint endpoint)
    {
        EndpointCpumapRules.Check(faults, $"{field}.cpumap", endpoint.Cpumap);
        int count = endpoint.XskSockets.Count;
        if (endpoint.VhostDevice.Length > 0)
        {
            ResourceName.Check(faults, $"{field}.vhost_device", endpoint.VhostDevice);
            faults.Require(
                count == 0,
                $"{field}.xsk_sockets",
                $"{count} sockets beside a vhost_device; an endpoint has sockets or one device");
            return;
        }

        faults.Require(
            count is >= 1 and <= SocketCountMax,
            $"{field}.xsk_sockets",
            $"{count} sockets; an endpoint has 1 to {SocketCountMax}, or a vhost_device");
        var seen = new HashSet<string>(StringComparer.Ordinal);
        for (int i = 0; i < Math.Min(count, SocketCountMax); i++)
        {
            string socket = endpoint.XskSockets[i];
            ResourceName.Check(faults, $"{field}.xsk_sockets[{i}]", socket);
            faults.Require(seen.Add(socket), $"{field}.xsk_sockets[{i}]", $"\"{socket}\" is named twice");
        }
    }

    /// <summary>The name of the field that names a member.</summary>
    public static string FieldOf(EndpointMember member) =>
        member.Type == DesiredResource.VhostDeviceType ? "vhost_device" : "xsk_sockets";
}
