using Google.Protobuf;
using Nf.DataPlane.Node;
using Nf.DataPlane.Xdp;
using Nf.Internal.V1;
using Nf.Linux;
using Nf.SharedMemory.Store;

namespace Nf.DataPlane.Control;

/// <summary>What the keeper holds for the next life: a key, what is to know, and the descriptors of each
/// resource.</summary>
internal sealed partial class ResourceStore(IKeeperStore keeper)
{
    internal const string StateKey = "state";
    internal const string SegmentKey = "segment";
    internal const string ListenerKey = "listener";
    internal const string UmemPrefix = "umem/";
    internal const string XskPrefix = "xsk/";
    internal const string LinkPrefix = "link/";
    internal const string VhostPrefix = "vhost/";
    internal const string VhostPartPrefix = "vhost-part/";
    internal const string BridgePrefix = "bridge/";
    internal const string SteeringPrefix = "steering/";
    internal const string ProgramPrefix = "xdp/";
    internal const string LeasePrefix = "lease/";
    internal const string BrokerListenerKey = "broker-listener";
    internal const string BusyPollPrefix = "busy-poll/";

    private IKeeperStore _keeper = keeper;

    internal void Put(string key, FileDescriptor descriptor) => _keeper.Put(key, [], [descriptor]);

    /// <summary>Leaves something under a key of its folder's own.</summary>
    internal void Put(string key, ReadOnlySpan<byte> metadata, ReadOnlySpan<FileDescriptor> descriptors) =>
        _keeper.Put(key, metadata, descriptors);

    internal void Put(UmemResource umem) => _keeper.Put(
        UmemPrefix + umem.Name,
        new StoredUmem
        {
            Umem = umem.Asked,
            Slot = (uint)umem.Slot,
            WorkerSlot = (uint)umem.Worker.Slot,
            HugePages = (uint)umem.Files.PageSize,
            PageSizeReason = umem.Files.PageSizeReason,
        }.ToByteArray(),
        [umem.Files.Packets, umem.Files.Ledger]);

    internal void Put(XskResource socket)
    {
        var stored = new StoredXskSocket
        {
            XskSocket = socket.Asked,
            Slot = (uint)socket.Slot,
            PoolId = (uint)(socket.Binding?.Pool.Id ?? 0),
            Ifindex = (uint)(socket.Device?.Ifindex ?? 0),
            ModeReason = socket.Binding?.ModeReason ?? "",
            TxBudget = socket.Binding?.TxBudget ?? 0,
            SharedUmem = socket.Binding?.SharedUmem ?? false,
            Bound = socket.IsBound,
        };
        if (socket.Binding is { } bound)
        {
            stored.BindFlags = bound.BindFlags;
        }

        FileDescriptor network = socket.Network.Descriptor;
        _keeper.Put(
            XskPrefix + socket.Name,
            stored.ToByteArray(),
            socket.Binding is { } binding ? [network, binding.Socket.Descriptor] : [network]);
    }

    internal void Put(LinkResource link) =>
        _keeper.Put(LinkPrefix + link.Name, new StoredLink { Link = link.Asked }.ToByteArray(), []);

    internal void Put(BridgeResource bridge) =>
        _keeper.Put(BridgePrefix + bridge.Name, new StoredBridge { Bridge = bridge.Asked }.ToByteArray(), []);

    /// <summary>
    /// Stores a device and its connection. The entry of the device names the entries of the connection's descriptors,
    /// and is stored after those it names and before others are dropped: whenever this life ends, what the device's
    /// entry names is there and belongs together.
    /// </summary>
    internal void Put(VhostResource device)
    {
        (StoredVhostSession State, IReadOnlyList<FileDescriptor> Descriptors)? session = device.Session?.Save();
        IReadOnlyList<ulong> unused = device.StoredParts.Update(
            session?.Descriptors ?? [],
            StoreCodec.DescriptorCountMax,
            (number, descriptors) => _keeper.Put(KeyOfPart(device.Name, number), [], descriptors));
        var stored = new StoredVhostDevice
        {
            Version = VhostResource.StoredVersion,
            VhostDevice = device.Asked,
            WorkerSlot = (uint)device.Worker.Slot,
            Listens = device.Listener is not null,
            SocketFileDevice = device.SocketFile?.Device ?? 0,
            SocketFileInode = device.SocketFile?.Inode ?? 0,
            Session = session?.State,
            ConnectedUnixNs = device.ConnectedUnixNs,
            Connections = device.Connections,
            RefusedConnections = device.RefusedConnections,
            LinkUp = device.IsLinkUp,
        };
        stored.Slots.AddRange(device.Slots.Select(slot => (uint)slot));
        stored.SessionParts.AddRange(device.StoredParts.Numbers);
        FileDescriptor records = device.Records.File;
        _keeper.Put(
            VhostPrefix + device.Name,
            stored.ToByteArray(),
            device.Listener is { } listener ? [records, listener.Descriptor] : [records]);
        foreach (ulong number in unused)
        {
            Drop(KeyOfPart(device.Name, number));
        }
    }

    internal void Put(InterfaceProgram program)
    {
        (byte[] metadata, FileDescriptor[] descriptors) = program.Describe();
        _keeper.Put(KeyOf(program), metadata, descriptors);
    }

    /// <summary>Stores a steering, with the rules that are about to be in force if there are any.</summary>
    internal void Put(SteeringResource steering, RuleSet? coming)
    {
        (byte[] metadata, FileDescriptor[] descriptors) = SteeringStore.Describe(steering, coming);
        _keeper.Put(SteeringPrefix + (coming ?? steering.Rules).Asked.Name, metadata, descriptors);
    }

    internal void Put(DeviceBusyPoll device)
    {
        (byte[] metadata, FileDescriptor[] descriptors) = device.Describe();
        _keeper.Put(KeyOf(device), metadata, descriptors);
    }

    internal void Drop(UmemResource umem) => Drop(UmemPrefix + umem.Name);

    internal void Drop(XskResource socket) => Drop(XskPrefix + socket.Name);

    internal void Drop(LinkResource link) => Drop(LinkPrefix + link.Name);

    internal void Drop(BridgeResource bridge) => Drop(BridgePrefix + bridge.Name);

    internal void Drop(VhostResource device)
    {
        Drop(VhostPrefix + device.Name);
        foreach (ulong number in device.StoredParts.Numbers)
        {
            Drop(KeyOfPart(device.Name, number));
        }
    }

    internal void Drop(SteeringResource steering) => Drop(SteeringPrefix + steering.Name);

    internal void Drop(InterfaceProgram program) => Drop(KeyOf(program));

    internal void Drop(DeviceBusyPoll device) => Drop(KeyOf(device));

    internal void Drop(string key) => _keeper.Drop(key);

    /// <summary>
    /// Everything ends, and what the keeper holds with it: it is told nothing any more, for it may not listen.
    /// </summary>
    internal void Close() => _keeper = new Nobody();

    private static string KeyOf(InterfaceProgram program) =>
        ProgramPrefix + KeyOf(program.Network, program.Ifindex);

    private static string KeyOf(DeviceBusyPoll device) => BusyPollPrefix + KeyOf(device.Network, device.Ifindex);

    /// <summary>The key of a part of a connection's descriptors.</summary>
    internal static string KeyOfPart(string device, ulong number) => $"{VhostPartPrefix}{device}/{number}";

    private static string KeyOf(NetworkNamespace network, int ifindex)
    {
        FileIdentity identity = network.Identity;
        return $"{identity.Device}:{identity.Inode}/{ifindex}";
    }

    private sealed class Nobody : IKeeperStore
    {
        public void Put(string key, ReadOnlySpan<byte> metadata, ReadOnlySpan<FileDescriptor> descriptors)
        {
        }

        public void Drop(string key)
        {
        }
    }
}
