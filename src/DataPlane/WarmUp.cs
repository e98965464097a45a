using Google.Protobuf;
using Nf.DataPlane.Forwarding;
using Nf.DataPlane.Memory;
using Nf.DataPlane.Ports;
using Nf.DataPlane.Vhost;
using Nf.Internal.V1;
using Nf.Linux;
using Nf.SharedMemory.Rings;
using Nf.SharedMemory.Segments;
using Nf.SharedMemory.Umems;
using Umem = Nf.DataPlane.Memory.Umem;

namespace Nf.DataPlane;

/// <summary>
/// Runs the fast path and the adoption on rings of its own before the turn of this life comes, so that the compiler is
/// done with them: a successor has a quarter of a second to take over.
/// </summary>
/// <remarks>The rings are those of real AF_XDP sockets that are never bound; this plays the kernel's side.</remarks>
internal static unsafe partial class WarmUp
{
    private const uint Entries = 64;

    /// <summary>Rounds: beyond the thirty calls after which a method is compiled anew with optimisation.</summary>
    private const int Rounds = 64;

    /// <summary>Rounds with guests: three bursts of both kinds of ring in each.</summary>
    private const int GuestRounds = 1000;

    internal static void Run()
    {
        try
        {
            Exercise();
        }
        catch (Exception e) when (e is LinuxException or PlatformNotSupportedException)
        {
            // A machine without AF_XDP, or without the capability: the first command says so to whoever asks.
            Console.Error.WriteLine($"nf-dataplane: warm-up skipped: {e.Message}");
        }
    }

    /// <returns>Packets that went through guests.</returns>
    internal static ulong Exercise()
    {
        WarmMessages();
        var request = new UmemRequest { SizeBytes = Entries * 4096, ChunkSizeBytes = 2048 };
        UmemGeometry.Check(request, out UmemGeometry? geometry);
        using SegmentWriter segment = SegmentWriter.Create(0, 0, DateTimeOffset.UtcNow);
        using StateFile state = StateFile.Create();
        using UmemFiles files = UmemFiles.Create("warm-up", geometry!, HugePageSize.None, null);
        using UmemFiles otherFiles = UmemFiles.Create("warm-up", geometry!, HugePageSize.None, null);
        var resources = new WarmResources(segment);
        using Umem umem = Umem.Create(files, geometry!, resources.UmemCounters(0));
        using Umem other = Umem.Create(otherFiles, geometry!, resources.UmemCounters(1));
        using var first = new WarmPort(umem, resources.PortCounters(0), 0);
        using var second = new WarmPort(umem, resources.PortCounters(1), 1);
        using var third = new WarmPort(other, resources.PortCounters(2), 2);
        using var tools = new PortTools(state.Record(0), _ => { });
        var forwarder = new Forwarder(tools);
        for (int round = 0; round < Rounds; round++)
        {
            first.Port.Peer = (round % 3) switch { 0 => second.Port, 1 => third.Port, _ => null };
            first.Receive(state.Record(0), 4);
            forwarder.Run(first.Port);
            first.Port.Flush();
            second.Complete();
            third.Complete();
            second.Port.Pool.ReapCompletions();
            third.Port.Pool.ReapCompletions();
            first.Port.PublishLevels();
        }

        WarmCrossings(state, tools, forwarder, first, second);
        ulong packets = WarmGuests(resources, tools, forwarder, first);
        var ports = new Dictionary<int, XskPort> { [0] = first.Port, [1] = second.Port, [2] = third.Port };
        PortRecovery.Run(state, ports, [umem, other], resources.PortCounters);
        LedgerAudit.Run(umem, [first.Port, second.Port]);
        return packets;
    }

    // A socket, a guest with split rings and one with packed ones: linked in turn, then on a bridge.
    private static ulong WarmGuests(WarmResources resources, PortTools tools, Forwarder forwarder, WarmPort socket)
    {
        const ulong features = VirtioFeatures.Version1 | VirtioFeatures.MergeableBuffers | VirtioFeatures.Checksum
            | VirtioFeatures.HostTso4;
        using var split = new WarmGuest(3, resources.PortCounters(3), features);
        using var packed = new WarmGuest(4, resources.PortCounters(4), features | VirtioFeatures.RingPacked);
        using var bridge = new Bridge(new BridgeSettings(3, TimeSpan.FromSeconds(300), 64, 64));
        Port[] ports = [socket.Port, split.Port, packed.Port];
        foreach (Port port in ports)
        {
            port.AttachTo(tools);
        }

        for (int round = 0; round < GuestRounds; round++)
        {
            if (round == GuestRounds / 2)
            {
                bridge.Connect(0, [ports[0]]);
                bridge.Connect(1, [ports[1]]);
                bridge.Connect(2, [ports[2]]);
            }

            for (int i = 0; i < ports.Length; i++)
            {
                ports[i].Peer = ports[i].Switch is null ? ports[(i + 1 + (round % 2)) % ports.Length] : null;
            }

            split.Offer();
            packed.Offer();
            socket.Receive(tools.Record, 4);
            foreach (Port port in ports)
            {
                forwarder.Run(port);
                port.EnableWakeUps();
                port.DisableWakeUps();
                port.PublishLevels();
            }

            foreach (Port port in ports)
            {
                port.Flush();
                port.TakeFault();
            }

            socket.Complete();
            socket.Port.Pool.ReapCompletions();
        }

        foreach (Port port in ports)
        {
            port.Peer = null;
            port.Detach();
        }

        return split.Port.Traffic.RxPackets + packed.Port.Traffic.RxPackets;
    }

    private static void WarmMessages()
    {
        var socket = new StoredXskSocket
        {
            XskSocket = new V1.XskSocket
            {
                Name = "warm-up",
                Spec = new V1.XskSocketSpec { Umem = "warm-up", Interface = "none", Rings = new V1.RingSizes() },
            },
        };
        StoredXskSocket.Parser.ParseFrom(socket.ToByteArray());
        var umem = new StoredUmem { Umem = new V1.Umem { Name = "warm-up", Spec = new V1.UmemSpec() } };
        StoredUmem.Parser.ParseFrom(umem.ToByteArray());
        var link = new StoredLink { Link = new V1.Link { Name = "warm-up", Spec = new V1.LinkSpec() } };
        StoredLink.Parser.ParseFrom(link.ToByteArray());
        var command = new ServicePacket { Command = new Command { GetInventory = new GetInventory() } };
        ServicePacket.Parser.ParseFrom(command.ToByteArray());
        _ = new DataPlanePacket { Hello = new DataPlaneHello() }.ToByteArray();
    }

    private sealed class WarmResources(SegmentWriter segment)
    {
        // SAFETY: the segment is mapped memory, which does not move, and outlives the ports of the warm-up.
        internal PortSlot* PortCounters(int slot) =>
            (PortSlot*)System.Runtime.CompilerServices.Unsafe.AsPointer(ref segment.Port(slot));

        internal UmemCounters* UmemCounters(int slot) =>
            (UmemCounters*)System.Runtime.CompilerServices.Unsafe.AsPointer(ref segment.Umem(slot).Counters);
    }

    /// <summary>A port whose socket is never bound, and the kernel's end of its rings.</summary>
    private sealed class WarmPort : IDisposable
    {
        private readonly AfXdpSocket _socket;
        private readonly XskRings _rings;
        private readonly XskRings _kernelRings;
        private ProducerRing<xdp_desc> _rx;
        private ProducerRing<ulong> _completion;
        private ConsumerRing<ulong> _fill;
        private ConsumerRing<xdp_desc> _tx;

        internal WarmPort(Umem umem, PortSlot* counters, int id)
        {
            var size = new RingSize(Entries);
            _socket = AfXdpSocket.Create();
            _socket.RegisterUmem(umem.Geometry.ToRegistration((ulong)umem.Base));
            foreach (XdpRing ring in Enum.GetValues<XdpRing>())
            {
                _socket.SetRingSize(ring, Entries);
            }

            _rings = new XskRings(_socket);
            _kernelRings = new XskRings(_socket);
            var pool = new XskPool(id, umem, _rings.Fill(size), _rings.Completion(size));
            umem.PoolCount++;
            Port = new XskPort(id, _socket, pool, _rings.Rx(size), _rings.Tx(size), counters);
            (_rx, _completion, _fill, _tx) = _kernelRings.KernelEnds(size);
        }

        internal XskPort Port { get; }

        /// <summary>Posts chunks, takes them as the kernel would, and puts frames into the RX ring.</summary>
        internal void Receive(WorkerRecord* record, uint count)
        {
            Port.Pool.Refill(record, Port.Slot, _socket, always: true);
            count = Math.Min(_fill.Peek(count, out uint taken), _rx.Free(count));
            for (uint i = 0; i < count && _rx.TryReserve(1, out uint slot); i++)
            {
                _rx[slot] = new xdp_desc { addr = _fill[taken + i] + 256, len = 60 };
            }

            _fill.Release();
            _rx.Submit();
        }

        /// <summary>Sends what is in the TX ring, as the kernel would.</summary>
        internal void Complete()
        {
            uint count = _tx.Peek(Entries, out uint first);
            for (uint i = 0; i < count && _completion.TryReserve(1, out uint slot); i++)
            {
                _completion[slot] = _tx[first + i].addr;
            }

            _tx.Release();
            _completion.Submit();
        }

        public void Dispose()
        {
            _kernelRings.Dispose();
            _rings.Dispose();
            _socket.Dispose();
        }
    }
}
