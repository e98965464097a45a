using Nf.DataPlane.Ports;
using Nf.DataPlane.Vhost;
using Nf.DataPlane.Vhost.Session;
using Nf.Internal.V1;
using Nf.Linux;
using Nf.SharedMemory.Store;

namespace Nf.DataPlane.Control;

/// <summary>Takes over vhost devices that the life before left with the keeper: the listening socket, the connection,
/// and its rings in the middle of traffic.</summary>
internal sealed unsafe class VhostAdoption(Resources resources, VhostCommands commands, VhostSockets sockets)
{
    private readonly List<string> _faults = [];
    private readonly HashSet<string> _taken = [];

    /// <summary>Connections that could not be gone on with, for people.</summary>
    internal IReadOnlyList<string> Faults => _faults;

    /// <summary>Adopts a device, with its connection where that can be gone on with.</summary>
    /// <param name="entry">Its entry of the store.</param>
    /// <param name="all">Every entry, for the parts that it names.</param>
    internal void Adopt(StoreEntry entry, IReadOnlyList<StoreEntry> all)
    {
        StoredVhostDevice stored = StoredVhostDevice.Parser.ParseFrom(entry.Metadata);
        VhostResource device = MakeDevice(stored, entry);
        commands.MakePorts(device);
        device.StoredParts.Continue(stored.SessionParts);
        if (stored.Session is not null)
        {
            RestoreSession(device, stored, all);
        }

        commands.Add(device);
        commands.Store(device);
    }

    /// <summary>Begins to listen to what was adopted, and forgets descriptors that no device names.</summary>
    internal void Finish(IReadOnlyList<StoreEntry> all)
    {
        foreach (VhostResource device in resources.VhostDevices.Values)
        {
            sockets.Start(device);
        }

        HashSet<string> named =
        [
            .. resources.VhostDevices.Values.SelectMany(
                device => device.StoredParts.Numbers.Select(
                    number => ResourceStore.KeyOfPart(device.Name, number))),
        ];
        foreach (StoreEntry part in all.Where(IsPart).Where(part => !_taken.Contains(part.Key)))
        {
            foreach (FileDescriptor descriptor in part.Descriptors)
            {
                descriptor.Dispose();
            }

            if (!named.Contains(part.Key))
            {
                resources.Store.Drop(part.Key);
            }
        }
    }

    private static bool IsPart(StoreEntry entry) =>
        entry.Key.StartsWith(ResourceStore.VhostPartPrefix, StringComparison.Ordinal);

    private VhostResource MakeDevice(StoredVhostDevice stored, StoreEntry entry)
    {
        if (stored.Version != VhostResource.StoredVersion || stored.VhostDevice?.Spec is null)
        {
            throw new InvalidDataException(
                $"version {stored.Version} of a stored vhost device, expected {VhostResource.StoredVersion}");
        }

        VhostShape shape = VhostShape.Of(stored.VhostDevice.Spec);
        int descriptors = stored.Listens ? 2 : 1;
        if (entry.Descriptors.Count != descriptors || stored.Slots.Count != shape.QueuePairs)
        {
            throw new InvalidDataException(
                $"{entry.Descriptors.Count} descriptors and {stored.Slots.Count} slots, "
                + $"expected {descriptors} and {shape.QueuePairs}");
        }

        VhostRecords records = VhostRecords.Adopt(entry.Descriptors[0], 2 * shape.QueuePairs);
        int[] slots = [.. stored.Slots.Select(slot => (int)slot)];
        foreach (int slot in slots)
        {
            resources.PortSlots.Claim(slot);
            PortRecovery.CountLost(resources.PortCounters(slot));
        }

        return new VhostResource(
            stored.VhostDevice, shape, slots, resources.Workers.OfSlot(stored.WorkerSlot), records)
        {
            Listener = stored.Listens ? UnixStreamSocket.Adopt(entry.Descriptors[1]) : null,
            SocketFile = stored.Listens
                ? new FileIdentity(stored.SocketFileDevice, stored.SocketFileInode)
                : null,
            ConnectedUnixNs = stored.ConnectedUnixNs,
            Connections = stored.Connections,
            RefusedConnections = stored.RefusedConnections,
            IsLinkUp = stored.LinkUp,
        };
    }

    private void RestoreSession(VhostResource device, StoredVhostDevice stored, IReadOnlyList<StoreEntry> all)
    {
        try
        {
            device.Host!.Open();
            device.Session = Restore(device, stored, all);
            device.Peer = UnixStreamSocket.Adopt(device.Session.Descriptor).PeerCredentials;
        }
        catch (Exception e) when (e is VhostRefusedException or InvalidDataException or LinuxException
                                      or ArgumentException)
        {
            // The front-end sees the end of its connection, and connects again to the same listener.
            device.Host!.Forget();
            device.Records.Clear();
            device.LastDisconnect = $"the data plane was restarted, and {e.Message}";
            _faults.Add($"{ResourceStore.VhostPrefix}{device.Name}: connection: {e.Message}");
        }
    }

    private unsafe VhostSession Restore(
        VhostResource device, StoredVhostDevice stored, IReadOnlyList<StoreEntry> all)
    {
        var descriptors = new List<FileDescriptor>();
        foreach (ulong number in stored.SessionParts)
        {
            string key = ResourceStore.KeyOfPart(device.Name, number);
            StoreEntry part = all.FirstOrDefault(entry => entry.Key == key)
                ?? throw new InvalidDataException($"part {number} of its descriptors is missing");
            descriptors.AddRange(part.Descriptors);
        }

        // SAFETY: the records stay mapped as long as the device exists.
        if (device.Records.Session->Busy != 0)
        {
            throw new InvalidDataException("a message of the front-end was in hand");
        }

        foreach (ulong number in stored.SessionParts)
        {
            // The session owns them from here on, even when it cannot be restored.
            _taken.Add(ResourceStore.KeyOfPart(device.Name, number));
        }

        return VhostSession.Restore(stored.Session, descriptors, device.Host!, device.Faults);
    }
}
