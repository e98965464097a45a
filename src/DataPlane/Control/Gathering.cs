using Nf.DataPlane.Ports;
using Nf.Linux;

namespace Nf.DataPlane.Control;

/// <summary>Brings everything that links and bridges connect onto one worker, but where frames cross between workers
/// anyway.</summary>
/// <remarks>
/// A group of ports belongs to one worker, and frames move between connected ports without a lock: so everything that
/// is connected, directly or through others, is polled by one worker. A link with a cpumap on the way has queues
/// between its ends, so they may stay where they are; a bridge has not, because its ports share one table.
/// </remarks>
internal sealed class Gathering(Resources resources)
{
    /// <exception cref="CommandFaultException">WORKER_MISMATCH: two of the groups ask for different CPUs.</exception>
    internal void OnOneWorker(IConnection connection)
    {
        if (IsLoose(connection))
        {
            return;
        }

        HashSet<IPortGroup> connected = Connected(connection);
        uint[] wanted = [.. connected.Select(group => group.WorkerCpuAsked).OfType<uint>().Distinct()];
        if (wanted.Length > 1)
        {
            throw new CommandFaultException(
                "WORKER_MISMATCH",
                $"{connection.Type} \"{connection.Name}\" connects UMEMs or vhost devices whose worker_cpu differ "
                + $"({string.Join(", ", wanted)}); everything that is connected is polled by one worker",
                Errno.EINVAL);
        }

        Worker target = wanted.Length == 1
            ? resources.Workers.Place(wanted[0])
            : connected.MaxBy(group => group.Ports.Count)!.Worker;
        Move([.. connected.Where(group => group.Worker != target)], target);
    }

    private HashSet<IPortGroup> Connected(IConnection connection)
    {
        var connected = new HashSet<IPortGroup>(Groups(connection));
        bool grew = true;
        while (grew)
        {
            grew = false;
            foreach (IConnection other in resources.Connections.Where(
                c => !IsLoose(c) && Groups(c).Any(connected.Contains)))
            {
                foreach (IPortGroup group in Groups(other))
                {
                    grew |= connected.Add(group);
                }
            }
        }

        return connected;
    }

    private static bool IsLoose(IConnection connection) => connection is LinkResource { Crosses: true };

    private static IEnumerable<IPortGroup> Groups(IConnection connection) =>
        connection.Members.Select(member => member.Group);

    // Every port leaves its worker before the first one joins the other: ports of the groups that move may be connected
    // to each other already, and two workers must never touch the two ends of a link.
    private void Move(IReadOnlyList<IPortGroup> groups, Worker target)
    {
        // Frames that are on other workers come home first: they belong to the worker that is left.
        IConnection[] crossing =
            [.. resources.Connections.Where(c => c.Uses.Any(use => use is not null) && Groups(c).Any(groups.Contains))];
        foreach (IConnection connection in crossing)
        {
            connection.Unwire();
        }

        foreach (IPortGroup group in groups)
        {
            Worker from = group.Worker;
            IReadOnlyCollection<Port> ports = group.Ports;
            from.Invoke(() =>
            {
                foreach (Port port in ports)
                {
                    from.Detach(port);
                }
            });
        }

        foreach (IPortGroup group in groups)
        {
            group.Worker = target;
        }

        // While nobody polls them: afterwards only their new worker may send to them.
        IEnumerable<IConnectable> members =
            resources.Sockets.Values.Concat<IConnectable>(resources.VhostDevices.Values);
        foreach (IConnectable member in members.Where(member => groups.Contains(member.Group)).ToArray())
        {
            resources.PortUsers.Refresh(member);
        }

        foreach (IPortGroup group in groups)
        {
            IReadOnlyCollection<Port> ports = group.Ports;
            target.Invoke(() =>
            {
                foreach (Port port in ports)
                {
                    target.Attach(port);
                }
            });
        }

        foreach (IConnection connection in crossing)
        {
            connection.Wire();
        }

        foreach (IPortGroup group in groups)
        {
            resources.Remember(group);
        }
    }
}
