using Nf.DataPlane.Tests.Xdp;
using Nf.DataPlane.Tests.Xsk;
using Nf.DataPlane.Xdp;
using Nf.Linux;
using Nf.V1;
using XdpMode = Nf.V1.XdpMode;

namespace Nf.DataPlane.Tests.Control;

/// <summary>A life, and two veth pairs whose inner ends it may bind to.</summary>
internal sealed class TwoPairs : IDisposable
{
    internal const string SecondDevice = "nfx2";
    internal const string SecondPeer = "nfx3";

    private readonly InterfacePrograms _outerPrograms = new(XdpAttachPreference.Link);

    /// <param name="queues">Queues of each end, in each direction.</param>
    internal TwoPairs(int queues = 1)
    {
        Lab = VethLab.Create(queues, queues, queues);
        Lab.AddPair(SecondDevice, SecondPeer, queues, queues, 1, queues);
        Life = new ControlLife(Keeper);
    }

    internal VethLab Lab { get; }

    internal FakeKeeper Keeper { get; } = new();

    internal ControlLife Life { get; private set; }

    /// <summary>What a spec says of an inner end.</summary>
    internal XskSocketSpec Spec(string umem, string device, uint queue = 0) => new()
    {
        Umem = umem,
        Interface = device,
        NetworkNamespace = new V1.NetworkNamespace { Path = Lab.InnerPath },
        Queue = queue,
    };

    /// <summary>Binds "a" and "b" to the two inner ends and links them.</summary>
    internal void LinkBoth(string umemOfA = "u", string umemOfB = "u")
    {
        Life.Bind("a", Spec(umemOfA, VethLab.Device));
        Life.Bind("b", Spec(umemOfB, SecondDevice));
        Life.Link("l", "a", "b");
    }

    /// <summary>The life ends as if killed, and the next one takes over.</summary>
    internal void Succeed()
    {
        ControlLife before = Life;
        before.Freeze();
        Life = new ControlLife(Keeper, Keeper.Snapshot());
        before.Dispose();
    }

    /// <summary>Frames of several lengths, there and back, byte for byte.</summary>
    internal void CheckTraffic(params int[] lengths)
    {
        using var a = new PacketWire(Lab.Outer, VethLab.Peer);
        using var b = new PacketWire(Lab.Outer, SecondPeer);
        ulong number = 0;
        foreach (int length in lengths)
        {
            for (int i = 0; i < 20; i++)
            {
                byte[] there = PacketWire.Frame(++number, length);
                a.Send(there);
                Assert.Equal(there, b.Receive());
                byte[] back = PacketWire.Frame(++number, length);
                b.Send(back);
                Assert.Equal(back, a.Receive());
            }
        }

        Life.CheckLedgers();
    }

    /// <summary>An AF_XDP socket on a queue of an outer end, which receives what arrives there.</summary>
    internal XskEnd OuterEnd(string peer, int queue)
    {
        int ifindex = Lab.Outer.Run(() =>
        {
            using var netlink = new RouteNetlink();
            return netlink.FindLink(peer)!.Ifindex;
        });
        var end = new XskEnd(Lab.Outer, ifindex, new XskEndSetup { Queue = queue });
        end.Post();
        _outerPrograms.Acquire(Lab.Outer, ifindex, XdpMode.Native, needFrags: false)
            .SetSocket((uint)queue, end.Socket);
        return end;
    }

    public void Dispose()
    {
        Life.Dispose();
        Keeper.Dispose();
        _outerPrograms.Dispose();
        Lab.Dispose();
    }
}
