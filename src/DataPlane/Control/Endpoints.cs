using Nf.DataPlane.Cpumaps;
using Nf.DataPlane.Ports;
using Nf.Linux;
using Nf.V1;

namespace Nf.DataPlane.Control;

/// <summary>Finds what an endpoint names, and sees to it that nothing is connected twice.</summary>
internal sealed class Endpoints(Resources resources)
{
    /// <summary>The sockets or the device of an endpoint.</summary>
    /// <param name="field">Where the endpoint stands, for the message.</param>
    /// <param name="endpoint">What was asked for.</param>
    /// <exception cref="CommandFaultException">INVALID_SPEC, UNKNOWN_RESOURCE.</exception>
    internal IReadOnlyList<IConnectable> Resolve(string field, Endpoint? endpoint)
    {
        bool sockets = endpoint is { XskSockets.Count: > 0 };
        bool device = endpoint is { VhostDevice.Length: > 0 };
        if (sockets == device)
        {
            throw new CommandFaultException(
                "INVALID_SPEC",
                $"{field}: needs {field}.xsk_sockets or {field}.vhost_device, "
                + (sockets ? "and not both" : "and has neither"),
                Errno.EINVAL);
        }

        return sockets
            ? [.. endpoint!.XskSockets.Select(resources.Socket)]
            : [resources.VhostDevice(endpoint!.VhostDevice)];
    }

    /// <summary>The cpumap that spreads what arrives on an endpoint; null where it names none.</summary>
    /// <param name="field">Where the endpoint stands, for the message.</param>
    /// <param name="endpoint">What was asked for.</param>
    /// <exception cref="CommandFaultException">INVALID_SPEC, UNKNOWN_RESOURCE.</exception>
    internal CrossingUse? ResolveUse(string field, Endpoint? endpoint)
    {
        if (endpoint?.Cpumap is not { } asked)
        {
            return null;
        }

        if (!resources.Queues.TryGetValue(asked.Cpumap, out UserspaceQueues? queues))
        {
            throw new CommandFaultException(
                "UNKNOWN_RESOURCE", $"{field}.cpumap.cpumap: there is no cpumap \"{asked.Cpumap}\" in user space",
                Errno.ENOENT);
        }

        var faults = new List<string>();
        CpuSelector all = CpuSelectionRules.Read(asked.Selection, $"{field}.cpumap.selection", [], faults.Add);
        return faults.Count == 0
            ? new CrossingUse(
                queues, cpus => new FlowSelector(new CpuSelector(all.Kind, all.FixedCpu, all.Prefixes, cpus)))
            : throw new CommandFaultException("INVALID_SPEC", string.Join("; ", faults), Errno.EINVAL);
    }

    /// <exception cref="CommandFaultException">SOCKET_IN_LINK, ENDPOINT_IN_USE, UNKNOWN_RESOURCE.</exception>
    internal static void CheckFree(IConnection connection)
    {
        foreach (IConnectable member in connection.Members)
        {
            if (member.Connection is { } other)
            {
                throw new CommandFaultException(
                    member is XskResource && other is LinkResource ? "SOCKET_IN_LINK" : "ENDPOINT_IN_USE",
                    $"{member.Describe()} is in {other.Type} \"{other.Name}\"",
                    Errno.EBUSY);
            }

            if (member.IsEnding)
            {
                throw new CommandFaultException(
                    "UNKNOWN_RESOURCE", $"{member.Describe()} is being released", Errno.ENOENT);
            }
        }
    }

    /// <summary>Makes a connection work: its members know it, its ports know where to send.</summary>
    /// <param name="connection">The connection.</param>
    /// <param name="restart">True when it is new, and its counters begin.</param>
    internal static void Join(IConnection connection, bool restart)
    {
        foreach (IConnectable member in connection.Members)
        {
            member.Connection = connection;
        }

        foreach (IConnectable member in connection.Members)
        {
            member.Group.Worker.Invoke(() =>
            {
                foreach (Ports.Port? port in member.Ports)
                {
                    if (restart && port is not null)
                    {
                        // A link's counters are those of its ports since it was made.
                        port.Traffic.LinkPackets = 0;
                        port.Traffic.LinkBytes = 0;
                    }
                }
            });
        }

        connection.Wire();
    }

    /// <summary>Ends a connection; its members stay, and drop what they receive.</summary>
    internal static void Part(IConnection connection)
    {
        connection.Unwire();
        foreach (IConnectable member in connection.Members)
        {
            member.Connection = null;
        }
    }
}
