using Google.Protobuf;
using Nf.DataPlane.Control;
using Nf.DataPlane.UserMemories;
using Nf.Linux;
using Nf.SharedMemory.Store;
using Nf.V1;

namespace Nf.DataPlane.Broker;

/// <summary>The broker of one life, put together.</summary>
internal sealed class BrokerHost : IDisposable
{
    private readonly Resources _resources;
    private readonly EventLoop _loop;
    private readonly PolicyFile _policy;
    private readonly BrokerUsers _users = new();
    private readonly ClientMemories _memories;
    private readonly BrokerRequests _requests;
    private readonly List<BrokerConnection> _adopted = [];
    private readonly List<string> _faults = [];
    private BrokerServer? _server;

    /// <param name="commands">Everything else of the life.</param>
    /// <param name="loop">The control thread's.</param>
    /// <param name="policyPath">The policy file; null for none.</param>
    /// <param name="socketPath">Where clients connect.</param>
    /// <param name="generation">Which life this is.</param>
    internal BrokerHost(
        Commands commands, EventLoop loop, string? policyPath, string socketPath, ulong generation)
    {
        _resources = commands.Resources;
        _loop = loop;
        _policy = new PolicyFile(policyPath, BrokerPeer.OwnUid());
        _memories = new ClientMemories(
            new ControlThread((descriptor, read) => loop.Add(descriptor, read), loop.Remove, commands.Background.Post),
            _policy);
        Leases = new LeaseTable(
            _resources, new LeaseBinder(_resources, commands.Releaser), new LeaseStore(_resources.Store), _users,
            commands.Devices.Sync);
        _requests = new BrokerRequests(_resources, Leases, _policy, Grants, _memories, generation);
        commands.Devices.Follower = new LeaseDevices(Leases);
        commands.Leases = new LeaseDesk(Leases, Grants, socketPath);
    }

    /// <summary>All leases.</summary>
    internal LeaseTable Leases { get; }

    /// <summary>Tokens that were issued.</summary>
    internal LeaseGrants Grants { get; } = new();

    /// <summary>Clients that are connected.</summary>
    internal IReadOnlyList<BrokerConnection> Connections => _server?.Connections ?? [];

    /// <summary>Takes over the leases that the life before left, after the programs and before
    /// <see cref="Adoption.Finish"/>, which detaches programs without sockets.</summary>
    /// <returns>What could not be adopted, for people.</returns>
    internal IReadOnlyList<string> Adopt(IReadOnlyList<StoreEntry> entries)
    {
        Dictionary<FileIdentity, BrokerConnection> clients = [];
        foreach (StoreEntry entry in entries.Where(
                     e => e.Key.StartsWith(ResourceStore.LeasePrefix, StringComparison.Ordinal)))
        {
            Lease? lease = null;
            try
            {
                lease = LeaseStore.Read(entry, _users, out FileDescriptor? connection);
                Leases.Adopt(lease);
                if (connection is not null)
                {
                    Hold(lease, connection, clients);
                }
            }
            catch (Exception e) when (e is InvalidDataException or InvalidProtocolBufferException or LinuxException
                                          or CommandFaultException or ArgumentException)
            {
                _faults.Add($"{entry.Key}: {e.Message}");
                _resources.Store.Drop(entry.Key);
                foreach (FileDescriptor descriptor in entry.Descriptors)
                {
                    descriptor.Dispose();
                }
            }
        }

        return _faults;
    }

    /// <summary>Lets clients in.</summary>
    /// <param name="listener">Listens.</param>
    internal void Start(SeqPacketSocket listener)
    {
        _server = new BrokerServer(listener, _loop, Leases, _users, _requests, _memories);
        foreach (BrokerConnection client in _adopted)
        {
            _server.Adopt(client);
        }

        _adopted.Clear();
        RefreshPolicy(always: false);
    }

    /// <summary>Reads the policy file again (SIGHUP).</summary>
    internal void RefreshPolicy(bool always)
    {
        if (_policy.Refresh(always, out string what) is { } inForce)
        {
            _resources.Events.Add(
                inForce ? EventKind.StateChanged : EventKind.Fault, "broker_policy", "",
                inForce ? $"in force: {what}" : $"the policy stays as it was: {what}");
        }
    }

    /// <summary>What only time tells.</summary>
    internal void Tick(long nowNs)
    {
        _server?.Tick(nowNs);
        _memories.Tick();
        Grants.Tick(nowNs);
        RefreshPolicy(always: false);
    }

    /// <summary>Everything ends: no packet is steered to a lent socket any more.</summary>
    internal void EndEverything() => Leases.EndAll();

    public void Dispose()
    {
        _server?.Dispose();
        foreach (BrokerConnection client in _adopted)
        {
            client.Dispose();
        }

        Leases.LetGo();
        _memories.Dispose();
    }

    // A client may have several leases; each was stored with the connection.
    private void Hold(Lease lease, FileDescriptor connection, Dictionary<FileIdentity, BrokerConnection> clients)
    {
        FileIdentity identity = connection.Identity;
        if (clients.TryGetValue(identity, out BrokerConnection? client))
        {
            connection.Dispose();
        }
        else
        {
            SeqPacketSocket socket = SeqPacketSocket.Adopt(connection);
            client = new BrokerConnection(socket, BrokerPeer.Of(socket), lease.User);
            clients.Add(identity, client);
            _adopted.Add(client);
        }

        lease.Holder = client;
        client.Leases.Add(lease);
    }
}
