using System.Globalization;
using Google.Protobuf.WellKnownTypes;
using Nf.DataPlane.Forwarding;
using Nf.DataPlane.Ports;
using Nf.V1;
using BridgeEntry = Nf.V1.BridgeEntry;

namespace Nf.DataPlane.Control;

/// <summary>A bridge as the control thread knows it.</summary>
internal sealed class BridgeResource(
    V1.Bridge asked, IReadOnlyList<IReadOnlyList<IConnectable>> endpoints, Forwarding.Bridge table,
    Crossings crossings) : IConnection
{
    private const int MacBytes = 6;

    public string Type => "bridge";

    public string Name { get; } = asked.Name;

    /// <summary>Name, spec and labels as they were asked for.</summary>
    internal V1.Bridge Asked { get; } = asked;

    /// <summary>What each endpoint names.</summary>
    internal IReadOnlyList<IReadOnlyList<IConnectable>> Endpoints { get; } = endpoints;

    /// <summary>The switch itself. Belongs to the worker.</summary>
    internal Forwarding.Bridge Table { get; } = table;

    public IEnumerable<IConnectable> Members => Endpoints.SelectMany(members => members);

    public Worker Worker => Endpoints[0][0].Group.Worker;

    /// <summary>The cpumap that spreads what arrives on each endpoint; null for none.</summary>
    internal IReadOnlyList<CrossingUse?> EndpointUses { get; init; } = [];

    public IEnumerable<CrossingUse?> Uses => EndpointUses;

    /// <summary>Gives every endpoint its ports. What a cpumap spreads comes back to the bridge's worker.</summary>
    public void Wire() => Worker.Invoke(() =>
    {
        for (int end = 0; end < Endpoints.Count; end++)
        {
            Port[] ports = [.. Endpoints[end].SelectMany(member => member.Ports).OfType<Port>()];
            Table.Connect(end, ports);
            if (EndpointUses.ElementAtOrDefault(end) is not { } use)
            {
                continue;
            }

            foreach (Port port in ports)
            {
                var onward = new CrossingOut.Onward(null, Table, port.Place);
                crossings.Connect(port, Worker, new CrossingTarget(Worker, onward), use);

                // The queues have the way to the bridge, and the port only that to the queues.
                port.Switch = null;
            }
        }
    });

    /// <summary>Takes every endpoint's ports.</summary>
    public void Unwire()
    {
        foreach (Port port in Members.SelectMany(member => member.Ports).OfType<Port>())
        {
            crossings.Disconnect(port, Worker);
        }

        Worker.Invoke(() =>
        {
            for (int end = 0; end < Endpoints.Count; end++)
            {
                Table.Disconnect(end);
            }
        });
    }

    /// <summary>Always: the bridge itself is at the other end.</summary>
    public bool CarriesFrom(IConnectable member) => true;

    /// <summary>Forgets the addresses of an endpoint that is this member and nothing else.</summary>
    public void Forget(IConnectable member)
    {
        for (int end = 0; end < Endpoints.Count; end++)
        {
            if (Endpoints[end] is [var only] && only == member)
            {
                Table.Forget(end);
            }
        }
    }

    /// <summary>Frames for a member that it could not take.</summary>
    internal ulong DroppedFor(IConnectable member)
    {
        ulong dropped = 0;
        Worker.Invoke(() =>
        {
            for (int end = 0; end < Endpoints.Count; end++)
            {
                dropped += Endpoints[end].Contains(member) ? Table.Counters(end).Dropped : 0;
            }
        });
        return dropped;
    }

    internal V1.Bridge Describe()
    {
        IConnectable? down = Members.FirstOrDefault(member => member.WhyDown.Length != 0);
        V1.Bridge bridge = Asked.Clone();
        var status = new BridgeStatus
        {
            State = down is null ? BridgeState.Up : BridgeState.Degraded,
            StateReason = down is null ? "" : $"{down.Describe()}: {down.WhyDown}",
        };
        bridge.Status = status;
        Worker.Invoke(() => AddCounters(status));
        return bridge;
    }

    /// <summary>Addresses that are known.</summary>
    internal IReadOnlyList<BridgeEntry> Learned()
    {
        IReadOnlyList<Forwarding.BridgeEntry> entries = [];
        Worker.Invoke(() => entries = Table.Entries());
        return
        [
            .. entries.Select(entry => new BridgeEntry
            {
                Mac = MacText(entry.Mac),
                Port = (uint)entry.End,
                Age = Duration.FromTimeSpan(entry.Age),
            }),
        ];
    }

    private void AddCounters(BridgeStatus status)
    {
        status.Entries = Table.EntryCount;
        status.Learned = Table.Learned;
        status.Moved = Table.Moved;
        status.Aged = Table.Aged;
        status.FloodedPackets = Table.Flooded;
        status.TableFullPackets = Table.TableFull;
        for (int end = 0; end < Endpoints.Count; end++)
        {
            BridgeCounters counters = Table.Counters(end);
            status.Ports.Add(new BridgePort
            {
                Number = (uint)end,
                RxPackets = counters.RxPackets,
                RxBytes = counters.RxBytes,
                TxPackets = counters.TxPackets,
                TxBytes = counters.TxBytes,
                FloodedPackets = counters.Flooded,
                DroppedPackets = counters.Dropped,
                Entries = Table.EntriesOf(end),
                Up = Endpoints[end].All(member => member.WhyDown.Length == 0),
            });
        }
    }

    private static string MacText(ulong mac) => string.Join(
        ':',
        Enumerable.Range(0, MacBytes).Select(
            i => ((mac >> (8 * i)) & 0xff).ToString("x2", CultureInfo.InvariantCulture)));
}
