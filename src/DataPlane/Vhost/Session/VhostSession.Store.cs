using Nf.DataPlane.Vhost.Memory;
using Nf.DataPlane.Vhost.Protocol;
using Nf.DataPlane.Vhost.Rings;
using Nf.Internal.V1;
using Nf.Linux;

namespace Nf.DataPlane.Vhost.Session;

// What a next life needs to go on without the front-end noticing.
internal sealed partial class VhostSession
{
    private const uint StoredVersion = 1;

    /// <summary>What the keeper must hold for the next life; the descriptors stay the session's.</summary>
    internal (StoredVhostSession State, IReadOnlyList<FileDescriptor> Descriptors) Save()
    {
        var state = new StoredVhostSession
        {
            Version = StoredVersion,
            OfferedFeatures = _host.OfferedFeatures,
            Features = _features ?? 0,
            FeaturesSet = _features is not null,
            ProtocolFeatures = _protocolFeatures,
            Owned = _isOwned,
            Status = _status,
            Mtu = _mtu ?? 0u,
            HasLogCall = _logCall is not null,
            HasBackendChannel = _channel is not null,
            Config = Google.Protobuf.ByteString.CopyFrom(_config.Migrated ?? []),
        };
        var descriptors = new List<FileDescriptor> { _stream.Descriptor };
        state.Regions.AddRange(_memory.Regions.Select(Stored));
        descriptors.AddRange(_memory.Files);
        foreach (Vring ring in _rings)
        {
            state.Rings.Add(Stored(ring));
            AddIfAny(descriptors, ring.Kick?.Descriptor);
            AddIfAny(descriptors, ring.Call?.Descriptor);
            AddIfAny(descriptors, ring.Error?.Descriptor);
        }

        if (_log is { } log)
        {
            state.Log = new StoredSharedFile { SizeBytes = log.SizeBytes, Offset = log.Offset };
            descriptors.Add(log.File);
        }

        AddIfAny(descriptors, _logCall?.Descriptor);
        if (_inflight is { } inflight)
        {
            state.Inflight = new StoredInflight
            {
                File = new StoredSharedFile { SizeBytes = inflight.SizeBytes, Offset = inflight.Offset },
                Queues = inflight.QueueCount,
                QueueSize = inflight.QueueSize,
            };
            descriptors.Add(inflight.File);
        }

        AddIfAny(descriptors, _channel?.Descriptor);
        return (state, descriptors);
    }

    /// <summary>Goes on with a connection of the previous life: starts the rings that ran.</summary>
    /// <param name="state">What <see cref="Save"/> gave.</param>
    /// <param name="descriptors">Likewise; the session owns them from here on, also when this throws.</param>
    /// <param name="host">The device; its records are those of the previous life.</param>
    /// <param name="faults">Where to note what the front-end does wrong.</param>
    /// <exception cref="VhostRefusedException">It cannot be gone on with: the front-end must connect again.</exception>
    internal static unsafe VhostSession Restore(
        StoredVhostSession state, IReadOnlyList<FileDescriptor> descriptors, IVhostHost host, VhostFaults faults)
    {
        using var left = new StoredDescriptors(descriptors);

        // SAFETY: the device keeps the record mapped as long as it exists.
        if (host.SessionRecord->Busy != 0)
        {
            throw NotRestored("it died with a message in hand");
        }

        if (state.Version != StoredVersion || state.Rings.Count != host.RingCount ||
            state.OfferedFeatures != host.OfferedFeatures)
        {
            throw NotRestored("the device is not what it was");
        }

        VhostSession? session = null;
        try
        {
            session = new VhostSession(UnixStreamSocket.Adopt(left.Take()), host, faults);
            session.Load(state, left);
            return session;
        }
        catch (Exception e) when (e is ArgumentException or LinuxException or VhostRefusedException)
        {
            session?.Dispose();
            throw NotRestored(e.Message);
        }
    }

    private void Load(StoredVhostSession state, StoredDescriptors left)
    {
        _features = state.FeaturesSet ? state.Features : null;
        _protocolFeatures = state.ProtocolFeatures;
        _isOwned = state.Owned;
        _status = (byte)state.Status;
        _mtu = state.Mtu == 0 ? null : (ushort)state.Mtu;
        _config.Migrated = state.Config.Length == (int)ConfigPayload.SpaceBytes ? state.Config.ToByteArray() : null;
        LoadMemory(state, left);
        for (int i = 0; i < _rings.Length; i++)
        {
            Load(_rings[i], state.Rings[i], left);
        }

        _log = state.Log is { } log ? DirtyLog.Map(left.Borrow(), log.SizeBytes, log.Offset) : null;
        _logCall = state.HasLogCall ? EventFd.Adopt(left.Take()) : null;
        if (state.Inflight is { File: { } place } inflight)
        {
            _inflight = InflightRegion.Map(
                left.Borrow(), place.SizeBytes, place.Offset, inflight.Queues, inflight.QueueSize, IsPacked);
        }

        _channel = state.HasBackendChannel ? BackendChannel.Adopt(left.Take()) : null;
        if (_mtu is { } mtu)
        {
            _host.SetMtu(mtu);
        }

        GoOn(state);
    }

    private void LoadMemory(StoredVhostSession state, StoredDescriptors left)
    {
        var regions = new (GuestRegionLayout, FileDescriptor)[state.Regions.Count];
        for (int i = 0; i < regions.Length; i++)
        {
            StoredGuestRegion region = state.Regions[i];
            regions[i] = (
                new GuestRegionLayout(region.GuestAddress, region.SizeBytes, region.UserAddress, region.FileOffset),
                left.Borrow());
        }

        if (regions.Length != 0)
        {
            _memory = GuestMemory.Map(regions);
        }
    }

    private static void Load(Vring ring, StoredVring stored, StoredDescriptors left)
    {
        ring.Size = stored.Size;
        ring.Base = stored.Base;
        ring.BaseIsSet = stored.BaseSet;
        ring.Address = stored.AddressSet
            ? new VringAddressPayload(
                (uint)ring.Index,
                stored.AddressFlags,
                stored.DescriptorsAddress,
                stored.UsedAddress,
                stored.AvailableAddress,
                stored.LogAddress)
            : null;
        ring.KickIsSet = stored.KickSet;
        ring.Kick = stored.HasKick ? EventFd.Adopt(left.Take()) : null;
        ring.Call = stored.HasCall ? EventFd.Adopt(left.Take()) : null;
        ring.Error = stored.HasError ? EventFd.Adopt(left.Take()) : null;
    }

    private unsafe void GoOn(StoredVhostSession state)
    {
        foreach (Vring ring in _rings)
        {
            StoredVring stored = state.Rings[ring.Index];
            EnableRing(ring, stored.Enabled);

            // SAFETY: the device keeps the record mapped as long as it exists.
            VringRecord* record = _host.Record(ring.Index);
            if (!stored.Started || record->Valid == 0)
            {
                ring.Waiting = MissingFor(ring);
                continue;
            }

            if (MissingFor(ring) is { Length: > 0 } missing)
            {
                throw NotRestored($"ring {ring.Index} ran: {missing}");
            }

            ring.Base = record->Base;
            ring.Base = Virtqueue.RecoverBase(SetupOf(ring, record));
            VirtqueueSetup setup = SetupOf(ring, record);
            _host.StartRing(ring.Index, setup, ring.Kick);
            ring.IsStarted = true;
        }

        // A signal may have been lost with the process: one too many does no harm.
        foreach (Vring ring in _rings.Where(ring => ring.IsStarted))
        {
            ring.Call?.Signal();
        }
    }

    // SAFETY: the record is only handed on.
    private unsafe VirtqueueSetup SetupOf(Vring ring, VringRecord* record) =>
        Translation.TryBuild(ring, record, out string fault)
            ?? throw NotRestored($"ring {ring.Index}: {fault}");

    private static StoredGuestRegion Stored(GuestRegionLayout region) => new()
    {
        GuestAddress = region.GuestAddress,
        SizeBytes = region.SizeBytes,
        UserAddress = region.UserAddress,
        FileOffset = region.FileOffset,
    };

    private static StoredVring Stored(Vring ring) => new()
    {
        Size = ring.Size,
        Base = ring.Base,
        BaseSet = ring.BaseIsSet,
        AddressSet = ring.Address is not null,
        AddressFlags = ring.Address?.Flags ?? 0,
        DescriptorsAddress = ring.Address?.Descriptors ?? 0,
        UsedAddress = ring.Address?.Used ?? 0,
        AvailableAddress = ring.Address?.Available ?? 0,
        LogAddress = ring.Address?.LogAddress ?? 0,
        KickSet = ring.KickIsSet,
        HasKick = ring.Kick is not null,
        HasCall = ring.Call is not null,
        HasError = ring.Error is not null,
        Enabled = ring.IsEnabled,
        Started = ring.IsStarted,
    };

    private static void AddIfAny(List<FileDescriptor> descriptors, FileDescriptor? descriptor)
    {
        if (descriptor is not null)
        {
            descriptors.Add(descriptor);
        }
    }

    private static VhostRefusedException NotRestored(string why) =>
        new($"the connection cannot be gone on with: {why}", VhostFaultKind.BadState);
}
