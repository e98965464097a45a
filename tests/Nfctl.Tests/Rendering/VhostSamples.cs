using Google.Protobuf.WellKnownTypes;
using Nf.V1;

namespace Nf.Ctl.Tests.Rendering;

/// <summary>vhost-user devices and bridges as a service would tell them.</summary>
internal static class VhostSamples
{
    /// <summary>What broke the ring, as the data plane writes it.</summary>
    internal const string Fault = "avail->idx is 900, 644 ahead of 256; the ring has 256 descriptors";

    /// <summary>What becomes of the ring.</summary>
    internal const string Untouched = "it is not touched again until it is stopped and started";

    /// <summary>What is wrong with a chain, likewise.</summary>
    internal const string BadChain =
        "chain 7: a buffer (0x9f000000, 1514 bytes) is not in the memory that the front-end shared";

    /// <summary>A device whose guest broke a ring.</summary>
    internal static VhostDevice Broken { get; } = new()
    {
        Name = "vm1",
        Spec = new VhostDeviceSpec
        {
            SocketPath = "/run/nf/vm1.sock",
            Role = VhostRole.Server,
            QueuePairs = 1,
            QueueSizeMax = 1024,
            SocketMode = 432,
            Mac = "52:54:00:00:00:01",
        },
        Status = new VhostDeviceStatus
        {
            State = VhostState.Broken,
            StateReason = $"ring 1: {Fault}",
            Diagnosis =
            {
                $"ring 1 (from the guest): given up: {Fault}; it stays down until the guest resets the device",
                $"ring 1 (from the guest): 2 chains broke a rule and went back unused; the last, {BadChain}",
            },
            PeerPid = 4711,
            PeerUid = 107,
            ConnectedFor = Duration.FromTimeSpan(TimeSpan.FromSeconds(185)),
            Connections = 2,
            LastDisconnect = "the front-end closed the connection",
            OfferedFeatures = { "VIRTIO_NET_F_CSUM", "VIRTIO_NET_F_MRG_RXBUF", "VIRTIO_F_RING_PACKED" },
            Features = { "VIRTIO_NET_F_CSUM", "VIRTIO_NET_F_MRG_RXBUF" },
            FeatureBits = 0x8001,
            ProtocolFeatures = { "VHOST_USER_PROTOCOL_F_MQ", "VHOST_USER_PROTOCOL_F_REPLY_ACK" },
            ProtocolFeatureBits = 9,
            HeaderBytes = 12,
            MtuBytes = 1500,
            Rings =
            {
                new VhostRing
                {
                    Index = 0, Layout = VhostRingLayout.Split, Size = 256, Started = true,
                    Enabled = true, GuestIndex = 300, NextIndex = 60, UsedIndex = 60, Pending = 240, HasKick = true,
                    HasCall = true, CallsSent = 40, CallsSuppressed = 20,
                },
                new VhostRing
                {
                    Index = 1, FromGuest = true, Layout = VhostRingLayout.Split, Size = 256,
                    Started = true, Enabled = true, Fault = Fault,
                    GuestIndex = 900, NextIndex = 256, UsedIndex = 256, Pending = 644, HasKick = true,
                    BadChains = 2, LastBadChain = BadChain,
                },
            },
            Regions =
            {
                new VhostMemoryRegion
                {
                    GuestAddress = 0x100000, FrontendAddress = 0x7f0000000000, SizeBytes = 512 << 20, Sealed = true,
                },
            },
            DirtyLog = new VhostDirtyLog { Active = true, SizeBytes = 16384 },
            Faults =
            {
                new VhostFault
                {
                    Kind = "ring", Count = 1,
                    LastMessage = $"ring 1: {Fault}; {Untouched}",
                    LastTime = Timestamp.FromDateTime(DateTime.UnixEpoch.AddDays(1)),
                },
            },
            Requests = 31,
            LastRequest = "SET_VRING_ENABLE",
            Link = "uplink",
            LinkUp = true,
            WorkerCpu = 1,
        },
    };

    /// <summary>A device that nobody has connected to.</summary>
    internal static VhostDevice Idle { get; } = new()
    {
        Name = "vm2",
        Spec = new VhostDeviceSpec
        {
            SocketPath = "/run/nf/vm2.sock",
            Role = VhostRole.Server,
            QueuePairs = 2,
            QueueSizeMax = 1024,
            SocketMode = 432,
        },
        Status = new VhostDeviceStatus
        {
            State = VhostState.Listening,
            Diagnosis = { "no front-end is connected" },
            WorkerCpu = 1,
        },
    };

    internal static Bridge Bridge { get; } = new()
    {
        Name = "br",
        Spec = new BridgeSpec
        {
            Endpoints = { new Endpoint { VhostDevice = "vm1" }, new Endpoint { XskSockets = { "up0", "up1" } } },
            AgeSeconds = 300,
            EntriesMax = 4096,
            EndpointEntriesMax = 1024,
        },
        Status = new BridgeStatus
        {
            State = BridgeState.Degraded,
            StateReason = "vm1 is broken",
            Ports =
            {
                new BridgePort { Number = 0, RxPackets = 10, RxBytes = 640, FloodedPackets = 2, Entries = 1 },
                new BridgePort
                {
                    Number = 1, TxPackets = 12, TxBytes = 768, Entries = 2, Up = true, DroppedPackets = 3,
                },
            },
            Entries = 3,
            Learned = 5,
            Moved = 1,
            Aged = 1,
            FloodedPackets = 2,
            TableFullPackets = 4,
        },
    };

    internal static IReadOnlyList<BridgeEntry> Entries { get; } =
    [
        new() { Mac = "52:54:00:00:00:01", Port = 0, Age = Duration.FromTimeSpan(TimeSpan.FromSeconds(3)) },
        new() { Mac = "52:54:00:00:00:02", Port = 1, Age = Duration.FromTimeSpan(TimeSpan.FromSeconds(70)) },
        new() { Mac = "52:54:00:00:00:03", Port = 1, Age = Duration.FromTimeSpan(TimeSpan.Zero) },
    ];

    /// <summary>Counters of a device with two queue pairs and a bridge.</summary>
    internal static Stats StatsAt(double seconds, ulong packets) => new()
    {
        Time = Timestamp.FromDateTime(DateTime.UnixEpoch.AddSeconds(seconds)),
        Generation = 4,
        Ports = { PortAt(0, packets), PortAt(1, packets * 2) },
        Bridges =
        {
            new BridgeStats
            {
                Bridge = "br", Entries = 3, Learned = 5, Moved = 1, FloodedPackets = 2, DroppedPackets = 3,
            },
        },
    };

    private static PortStats PortAt(uint pair, ulong packets) => new()
    {
        VhostDevice = "vm1",
        Queue = pair,
        State = "started",
        RxPackets = packets,
        RxBytes = packets * 100,
        Bridge = "br",
        Vhost = new VhostPortStats
        {
            KicksReceived = 3,
            CallsSent = 40,
            CallsSuppressed = 20,
            BadChains = pair,
            ToGuestPending = 240,
            FromGuestPending = 1,
        },
    };
}
