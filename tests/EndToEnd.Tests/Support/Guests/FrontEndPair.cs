using System.Globalization;

namespace Nf.EndToEnd.Tests.Support.Guests;

/// <summary>
/// Two front-ends of DPDK's virtio-user in one testpmd, on devices a and b of a node that a link joins: a file of
/// packets goes through one, our link and the other into a file again.
/// </summary>
internal sealed record FrontEndPair(NodeFixture Fixture)
{
    // The second front-end drains its larger ring at the pace at which the first fills its smaller one (see SendAsync).
    private const int SendingRing = 256, ReceivingRing = 1024;

    /// <summary>Ports of testpmd, in the order of its devices.</summary>
    private const int SendingPort = 1, ReceivingPort = 2;

    private static readonly TimeSpan LongPatience = TimeSpan.FromSeconds(90);

    /// <summary>Options of the front-end that sends, such as <c>packed_vq=1</c>.</summary>
    internal string Sender { get; init; } = "packed_vq=0";

    /// <summary>Likewise of the one that receives.</summary>
    internal string Receiver { get; init; } = "packed_vq=0";

    /// <summary>Queue pairs.</summary>
    internal int Pairs { get; init; } = 1;

    /// <summary>Whether the front-ends listen, and we connect.</summary>
    internal bool Listens { get; init; }

    /// <summary>Packets of each queue pair.</summary>
    internal int Packets { get; init; } = 10_000;

    /// <summary>Length of the longest packet in bytes.</summary>
    internal int LongestBytes { get; init; } = 1514;

    /// <summary>Huge pages under testpmd; without them it takes ordinary ones.</summary>
    internal HugePageMount? Pages { get; init; }

    /// <summary>Packets of all queue pairs.</summary>
    internal ulong PacketsOfAll => (ulong)(Pairs * Packets);

    private Node Node => Fixture.Node;

    /// <summary>Makes the devices and their link.</summary>
    internal async Task CreateAsync()
    {
        await Node.VhostAsync("a", Fixture.File("a.sock"), Pairs, client: Listens);
        await Node.VhostAsync("b", Fixture.File("b.sock"), Pairs, client: Listens);
        await Node.LinkAsync("l0", VhostNode.Device("a"), VhostNode.Device("b"));
    }

    /// <summary>Removes what <see cref="CreateAsync"/> made.</summary>
    internal static async Task DeleteAsync(Node node)
    {
        await node.Client.TryAsync("LinkService.DeleteLink", new { name = "l0" });
        foreach (string name in new[] { "a", "b" })
        {
            await node.Client.TryAsync("VhostDeviceService.DeleteVhostDevice", new { name, force = true });
        }
    }

    /// <summary>Starts testpmd with a file of packets for each queue pair; nothing is sent yet.</summary>
    internal async Task<Testpmd> StartAsync()
    {
        string source = "net_pcap0", sink = "net_pcap1";
        for (int pair = 0; pair < Pairs; pair++)
        {
            PacketFile.Write(Input(pair), Packets, seed: pair, LongestBytes);
            PacketFile.Write(Nothing(pair), 0, seed: 0);
            source += $",rx_pcap={Input(pair)},tx_pcap={Nothing(pair)}.out";
            sink += $",rx_pcap={Nothing(pair)},tx_pcap={Output(pair)}";
        }

        string queues = Pairs.ToString(CultureInfo.InvariantCulture);
        Testpmd testpmd = await Testpmd.StartAsync(
            Pages,
            [source, Card(0, "a.sock", SendingRing, Sender), Card(1, "b.sock", ReceivingRing, Receiver), sink],
            "--port-topology=paired", $"--rxq={queues}", $"--txq={queues}");
        await StartedAsync();
        return testpmd;
    }

    /// <summary>Waits until the rings of both front-ends run.</summary>
    internal async Task StartedAsync()
    {
        foreach (string device in new[] { "a", "b" })
        {
            await Node.VhostStateAsync(device, "STARTED");
        }
    }

    /// <summary>
    /// Has the packets move: net_pcap → virtio-user a → our link → virtio-user b → net_pcap, all ports in one thread of
    /// one testpmd, which sends a burst, drains a burst, and waits when its ring is full, so that the link never meets
    /// a full ring.
    /// </summary>
    internal static async Task SendAsync(Testpmd testpmd)
    {
        await testpmd.TellAsync("set fwd io retry");
        await testpmd.TellAsync("set burst tx delay 1 retry 10000000");
        await testpmd.TellAsync("start");
    }

    /// <summary>Packets that went into our link and came out of it so far, as the front-ends count.</summary>
    internal static async Task<(PortCount Sent, PortCount Received)> CountAsync(Testpmd testpmd) =>
        (await testpmd.PortAsync(SendingPort), await testpmd.PortAsync(ReceivingPort));

    /// <summary>Waits until so many packets have come.</summary>
    internal static Task ReceivedAsync(Testpmd testpmd, ulong packets)
    {
        return Eventually.TrueAsync($"{packets} packets arrive", async () =>
            (await testpmd.PortAsync(ReceivingPort)).RxPackets >= packets, LongPatience);
    }

    /// <summary>Waits until everything was sent and taken, and nothing more comes; stops testpmd.</summary>
    internal async Task<(PortCount Sent, PortCount Received)> FinishAsync(Testpmd testpmd)
    {
        (PortCount Sent, PortCount Received)? last = null;
        await Eventually.TrueAsync("nothing is on the way any more", async () =>
        {
            ulong pending = await Node.VhostPendingAsync("a");
            (PortCount Sent, PortCount Received) now = await CountAsync(testpmd);
            bool isOver = pending == 0 && now.Sent.TxPackets == PacketsOfAll && now == last;
            last = now;
            return isOver;
        }, LongPatience);
        await testpmd.TellAsync("stop");
        return last!.Value;
    }

    /// <summary>Packets of a queue pair that were to be sent.</summary>
    internal IReadOnlyList<byte[]> Expected(int pair) => PacketFile.Read(Input(pair));

    /// <summary>Packets of a queue pair that came, once testpmd has ended.</summary>
    internal IReadOnlyList<byte[]> Arrived(int pair) => PacketFile.Read(Output(pair));

    private string Card(int index, string socket, int ring, string options) => string.Create(
        CultureInfo.InvariantCulture,
        $"net_virtio_user{index},path={Fixture.File(socket)},queues={Pairs},queue_size={ring},{options}")
        + (Listens ? ",server=1" : "");

    private string Input(int pair) => Numbered("in", pair);

    private string Output(int pair) => Numbered("out", pair);

    private string Nothing(int pair) => Numbered("nothing", pair);

    private string Numbered(string name, int pair) =>
        Fixture.File(string.Create(CultureInfo.InvariantCulture, $"{name}{pair}.pcap"));
}
