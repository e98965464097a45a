using Google.Protobuf.WellKnownTypes;
using Nf.V1;

namespace Nf.Ctl.Tests.Rendering;

/// <summary>Resources as a service would tell them.</summary>
internal static class Samples
{
    internal static Umem Umem { get; } = new()
    {
        Name = "demo",
        Spec = new UmemSpec { SizeBytes = 16 << 20, ChunkSizeBytes = 2048, PageSize = PageSize._2Mib },
        Status = new UmemStatus
        {
            State = UmemState.Ready,
            ChunkCount = 8192,
            MappedBytes = 16 << 20,
            PageSize = PageSize._4Kib,
            PageSizeReason = "no free huge pages",
            Locked = true,
            WorkerCpu = 1,
            XskSockets = { "demo-a", "demo-b" },
            Ledger = new ChunkLedger
            {
                Free = 4096,
                Fill = 4000,
                Rx = 1,
                Worker = 2,
                Tx = 90,
                Completion = 3,
                Closed = true,
            },
        },
        Labels = { ["pod"] = "web-0" },
    };

    internal static XskSocket Socket { get; } = new()
    {
        Name = "demo-a",
        Spec = new XskSocketSpec
        {
            Umem = "demo",
            Interface = "nfdemoa",
            NetworkNamespace = new NetworkNamespace { Path = "/run/netns/nf-demo" },
        },
        Status = new XskSocketStatus
        {
            State = XskState.Bound,
            Interface = "nfdemoa",
            Ifindex = 3,
            Driver = "veth",
            Mode = XskMode.Copy,
            ModeReason = "zero-copy: Operation not supported",
            XdpMode = XdpMode.Native,
            XdpAttachment = "link",
            XdpProgramId = 41,
            Rings = new RingSizes { Rx = 2048, Tx = 2048, Fill = 4096, Completion = 2048 },
            NeedWakeup = true,
            FrameBytesMax = 1514,
            Link = "demo",
            WorkerCpu = 1,
            Statistics = new XdpStatistics { RxRingFull = 7 },
        },
    };

    internal static Link Link { get; } = new()
    {
        Name = "demo",
        Spec = new LinkSpec
        {
            A = new Endpoint { XskSockets = { "demo-a" } },
            B = new Endpoint { XskSockets = { "demo-b" } },
        },
        Status = new LinkStatus { State = LinkState.Degraded, StateReason = "demo-b is down", ZeroCopy = true },
    };

    internal static Node Node { get; } = new()
    {
        Hostname = "node-1",
        KernelRelease = "6.18.5",
        Architecture = "x86_64",
        Version = "0.1.0",
        DataPlane = new DataPlane
        {
            Connected = true,
            Generation = 4,
            Pid = 77,
            Version = "0.1.0",
            WorkerCpus = { 1 },
            Adopted = true,
            Started = Timestamp.FromDateTime(DateTime.UnixEpoch.AddDays(1)),
            HeartbeatAge = Duration.FromTimeSpan(TimeSpan.FromMilliseconds(12)),
        },
        Features = { new Feature { Name = "xdp_link", Present = true, Detail = "6.18" } },
        Interfaces =
        {
            new NetworkInterface
            {
                Name = "nfdemoa", Ifindex = 3, Driver = "veth", MtuBytes = 1500, Up = true, RxQueues = 1, TxQueues = 1,
                XdpFeatures = { "basic", "redirect" }, XdpProgramId = 41, XskQueues = { 0 },
            },
        },
    };

    internal static Stats StatsAt(double seconds, ulong packets, ulong generation = 4)
    {
        return new Stats
        {
            Time = Timestamp.FromDateTime(DateTime.UnixEpoch.AddSeconds(seconds)),
            Generation = generation,
            Ports =
            {
                new PortStats
                {
                    XskSocket = "demo-a", Interface = "nfdemoa", Mode = "copy", State = "bound",
                    RxPackets = packets, RxBytes = packets * 1500, TxPackets = packets / 2, TxBytes = packets * 33,
                    Drops =
                    {
                        new DropCount { Reason = "no_link", Packets = packets / 100 },
                        new DropCount { Reason = "rx_ring_full" },
                    },
                },
            },
            Links = { new LinkStats { Link = "demo", AToBPackets = packets, AToBBytes = packets * 1500 } },
            Umems = { new UmemStats { Umem = "demo", Chunks = 8192, Free = 4096, Fill = 4000, Tx = 96 } },
            Workers =
            {
                new WorkerStats
                {
                    Cpu = 1, Packets = packets, BusyNs = (ulong)(seconds * 2.5e8), TotalNs = (ulong)(seconds * 1e9),
                    Polls = 10, Sleeps = 2,
                },
            },
        };
    }

    internal static Event Event { get; } = new()
    {
        Sequence = 12,
        Time = Timestamp.FromDateTime(DateTime.UnixEpoch),
        Kind = EventKind.InterfaceChanged,
        ResourceType = "interface",
        ResourceName = "nfdemoa",
        Message = "went down",
        Attributes = { ["to"] = "down", ["from"] = "up" },
    };
}
