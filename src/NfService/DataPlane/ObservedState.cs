using System.Collections.Immutable;
using Nf.Internal.V1;
using Nf.V1;
using Endpoint = Nf.V1.Endpoint;

namespace Nf.Service;

/// <summary>What runs, by name, at one moment.</summary>
internal sealed record Running(
    ImmutableSortedDictionary<string, Umem> Umems,
    ImmutableSortedDictionary<string, XskSocket> XskSockets,
    ImmutableSortedDictionary<string, VhostDevice> VhostDevices,
    ImmutableSortedDictionary<string, Link> Links,
    ImmutableSortedDictionary<string, Bridge> Bridges,
    ImmutableSortedDictionary<string, Cpumap> Cpumaps,
    ImmutableSortedDictionary<string, Steering> Steerings,
    ImmutableSortedDictionary<string, Lease> Leases)
{
    public static Running Nothing { get; } = new(
        Empty<Umem>(), Empty<XskSocket>(), Empty<VhostDevice>(), Empty<Link>(), Empty<Bridge>(), Empty<Cpumap>(),
        Empty<Steering>(), Empty<Lease>());

    private static ImmutableSortedDictionary<string, T> Empty<T>() =>
        ImmutableSortedDictionary.Create<string, T>(StringComparer.Ordinal);
}

/// <summary>What the data plane last said that runs. Read by scrapes, which must never wait for it.</summary>
/// <remarks>Written by the session's reader thread in the order of arrival, so never older than a reply.</remarks>
internal sealed class ObservedState
{
    private volatile Running _running = Running.Nothing;

    /// <summary>The last news. The messages in it must not be changed.</summary>
    public Running Running => _running;

    /// <summary>Takes in the reply to a command that was carried out.</summary>
    public void Apply(Command command, Reply reply)
    {
        Running now = _running;
        _running = command.CommandCase switch
        {
            Command.CommandOneofCase.GetInventory => From(reply.Inventory),
            Command.CommandOneofCase.CreateUmem => now with { Umems = now.Umems.SetItem(reply.Umem.Name, reply.Umem) },
            Command.CommandOneofCase.DeleteUmem => now with { Umems = now.Umems.Remove(command.DeleteUmem.Name) },
            Command.CommandOneofCase.BindXskSocket => now with
            {
                XskSockets = now.XskSockets.SetItem(reply.XskSocket.Name, reply.XskSocket),
            },
            Command.CommandOneofCase.UnbindXskSocket => now with
            {
                XskSockets = now.XskSockets.Remove(command.UnbindXskSocket.Name),
            },
            Command.CommandOneofCase.CreateVhostDevice => now with
            {
                VhostDevices = now.VhostDevices.SetItem(reply.VhostDevice.Name, reply.VhostDevice),
            },
            Command.CommandOneofCase.DeleteVhostDevice => now with
            {
                VhostDevices = now.VhostDevices.Remove(command.DeleteVhostDevice.Name),
            },
            Command.CommandOneofCase.CreateLink => WithLink(now, reply.Link),
            Command.CommandOneofCase.DeleteLink => WithoutLink(now, command.DeleteLink.Name),
            Command.CommandOneofCase.CreateBridge => WithBridge(now, reply.Bridge),
            Command.CommandOneofCase.DeleteBridge => WithoutBridge(now, command.DeleteBridge.Name),
            _ => ObservedSteering.Apply(now, command, reply),
        };
    }

    private static Running From(Inventory inventory) => new(
        ByName(inventory.Umems, umem => umem.Name),
        ByName(inventory.XskSockets, socket => socket.Name),
        ByName(inventory.VhostDevices, device => device.Name),
        ByName(inventory.Links, link => link.Name),
        ByName(inventory.Bridges, bridge => bridge.Name),
        ByName(inventory.Cpumaps, cpumap => cpumap.Name),
        ByName(inventory.Steerings.Select(ObservedSteering.Light), steering => steering.Name),
        ByName(inventory.Leases, lease => $"{lease.Id}"));

    private static Running WithLink(Running now, Link link) =>
        Mark(now, [link.Spec.A, link.Spec.B], s => s.Link = link.Name, d => d.Link = link.Name) with
        {
            Links = now.Links.SetItem(link.Name, link),
        };

    private static Running WithoutLink(Running now, string name) => now.Links.GetValueOrDefault(name) is { } link
        ? Mark(now, [link.Spec.A, link.Spec.B], s => s.Link = "", d => d.Link = "") with
        {
            Links = now.Links.Remove(name),
        }
        : now;

    private static Running WithBridge(Running now, Bridge bridge) =>
        Mark(now, bridge.Spec.Endpoints, s => s.Bridge = bridge.Name, d => d.Bridge = bridge.Name) with
        {
            Bridges = now.Bridges.SetItem(bridge.Name, bridge),
        };

    private static Running WithoutBridge(Running now, string name) => now.Bridges.GetValueOrDefault(name) is { } bridge
        ? Mark(now, bridge.Spec.Endpoints, s => s.Bridge = "", d => d.Bridge = "") with
        {
            Bridges = now.Bridges.Remove(name),
        }
        : now;

    // What sockets and devices say of the link or bridge that uses them follows at once, not with the next inventory.
    private static Running Mark(
        Running now, IEnumerable<Endpoint> ends, Action<XskSocketStatus> socket, Action<VhostDeviceStatus> device)
    {
        foreach (EndpointMember member in ends.SelectMany(Endpoints.MembersOf).Distinct())
        {
            if (member.Type == DesiredResource.XskSocketType
                && now.XskSockets.GetValueOrDefault(member.Name) is { Status: not null } oldSocket)
            {
                XskSocket changed = oldSocket.Clone();
                socket(changed.Status);
                now = now with { XskSockets = now.XskSockets.SetItem(member.Name, changed) };
            }
            else if (member.Type == DesiredResource.VhostDeviceType
                && now.VhostDevices.GetValueOrDefault(member.Name) is { Status: not null } oldDevice)
            {
                VhostDevice changed = oldDevice.Clone();
                device(changed.Status);
                now = now with { VhostDevices = now.VhostDevices.SetItem(member.Name, changed) };
            }
        }

        return now;
    }

    // A data plane that names something twice is wrong, but that must not end this process: the last one wins.
    private static ImmutableSortedDictionary<string, T> ByName<T>(IEnumerable<T> items, Func<T, string> name)
    {
        var byName = ImmutableSortedDictionary.CreateBuilder<string, T>(StringComparer.Ordinal);
        foreach (T item in items)
        {
            byName[name(item)] = item;
        }

        return byName.ToImmutable();
    }
}
