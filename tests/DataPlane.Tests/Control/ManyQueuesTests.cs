using Nf.DataPlane.Tests.Xdp;
using Nf.DataPlane.Tests.Xsk;

namespace Nf.DataPlane.Tests.Control;

/// <summary>Links whose ends have several sockets, one for each queue of an interface.</summary>
[Collection(Alone.Name)]
[Trait("Tier", "kernel")]
public sealed class ManyQueuesTests
{
    private const int FramesPerQueue = 200;

    [Theory]
    [InlineData(2, 2, false)]
    [InlineData(2, 2, true)]
    [InlineData(3, 2, false)]
    [InlineData(1, 3, false)]
    [InlineData(3, 1, true)]
    public void Link_QueuesOnBothEnds_EachQueueLeavesByItsOwnInOrder(int queuesA, int queuesB, bool copies)
    {
        using var pairs = new TwoPairs(queues: 3);
        ControlLife life = pairs.Life;
        life.CreateUmem("u", 2048);
        life.CreateUmem("v", 2048);
        string[] a = Bind(pairs, "a", queuesA, "u", VethLab.Device);
        string[] b = Bind(pairs, "b", queuesB, copies ? "v" : "u", TwoPairs.SecondDevice);
        life.Link("l", a, b);
        XskEnd[] near = [.. a.Select((_, queue) => pairs.OuterEnd(VethLab.Peer, queue))];
        XskEnd[] far = [.. b.Select((_, queue) => pairs.OuterEnd(TwoPairs.SecondPeer, queue))];

        Check(near, far);
        Check(far, near);

        life.CheckLedgers();
        Assert.Equal(
            (ulong)(queuesA * FramesPerQueue),
            Sum(a.Select(name => life.Segment.Port(life.Resources.Socket(name).Slot).Traffic.LinkPackets)));
        Assert.Equal(
            (ulong)(queuesB * FramesPerQueue),
            Sum(b.Select(name => life.Segment.Port(life.Resources.Socket(name).Slot).Traffic.LinkPackets)));
        Array.ForEach([.. near, .. far], end => end.Dispose());
        life.Clear();
    }

    [Fact]
    public void Link_OneOfSeveralQueuesIsAdoptedAndUnbound_OthersGoOn()
    {
        using var pairs = new TwoPairs(queues: 2);
        pairs.Life.CreateUmem("u", 2048);
        string[] a = Bind(pairs, "a", 2, "u", VethLab.Device);
        string[] b = Bind(pairs, "b", 2, "u", TwoPairs.SecondDevice);
        pairs.Life.Link("l", a, b);
        XskEnd[] near = [.. a.Select((_, queue) => pairs.OuterEnd(VethLab.Peer, queue))];
        XskEnd[] far = [.. b.Select((_, queue) => pairs.OuterEnd(TwoPairs.SecondPeer, queue))];
        Check(near, far);

        pairs.Succeed();
        Assert.Empty(pairs.Life.AdoptionFaults);
        Check(near, far);
        pairs.Life.Links.Delete("l");
        pairs.Life.Unbind("a0");
        pairs.Life.Link("l", ["a1"], ["b1"]);
        Check([near[1]], [far[1]]);

        pairs.Life.CheckLedgers();
        Array.ForEach([.. near, .. far], end => end.Dispose());
    }

    private static string[] Bind(TwoPairs pairs, string prefix, int queues, string umem, string device)
    {
        string[] names = [.. Enumerable.Range(0, queues).Select(queue => $"{prefix}{queue}")];
        for (int queue = 0; queue < queues; queue++)
        {
            pairs.Life.Bind(names[queue], pairs.Spec(umem, device, (uint)queue));
        }

        return names;
    }

    // What arrives on queue k of one end leaves by queue k of the other, counted around where that has fewer. The veth
    // pair keeps queues apart: what a socket sends on queue k arrives on queue k.
    private static void Check(XskEnd[] from, XskEnd[] to)
    {
        const int batch = 20;
        byte[][][] sent = [.. from.Select((_, queue) => Frames(queue))];
        List<byte[]>[] received = [.. to.Select(_ => new List<byte[]>())];
        for (int first = 0; first < FramesPerQueue; first += batch)
        {
            for (int queue = 0; queue < from.Length; queue++)
            {
                from[queue].Send(sent[queue].Skip(first).Take(batch));
            }

            for (int queue = 0; queue < to.Length; queue++)
            {
                received[queue].AddRange(to[queue].Receive(batch * SendersOf(queue, from.Length, to.Length).Length));
            }
        }

        for (int queue = 0; queue < to.Length; queue++)
        {
            int[] senders = SendersOf(queue, from.Length, to.Length);
            Assert.Equal(senders.Length * FramesPerQueue, received[queue].Count);
            Assert.All(senders, sender => Assert.Equal(sent[sender], received[queue].Where(f => f[6] == sender)));
        }
    }

    private static int[] SendersOf(int queue, int from, int to) =>
        [.. Enumerable.Range(0, from).Where(sender => sender % to == queue)];

    private static byte[][] Frames(int queue) =>
    [
        .. Enumerable.Range(1, FramesPerQueue).Select(number =>
        {
            byte[] frame = PacketWire.Frame((ulong)number, 60 + (number * 7 % 1400));
            frame[6] = (byte)queue;
            return frame;
        }),
    ];

    private static ulong Sum(IEnumerable<ulong> values) => values.Aggregate(0ul, (sum, value) => sum + value);
}
