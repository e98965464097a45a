using Nf.DataPlane.Control;
using Nf.DataPlane.Tests.Review;
using Nf.DataPlane.Tests.Xdp;
using Nf.Internal.V1;
using Nf.V1;
using Command = Nf.Internal.V1.Command;

namespace Nf.DataPlane.Tests.Control.Vhost;

/// <summary>Sockets and guests together, on the real kernel.</summary>
[Collection(Alone.Name)]
[Trait("Tier", "kernel")]
public sealed class VhostMixedTests : IDisposable
{
    private const string SecondDevice = "nfx2";
    private const string SecondPeer = "nfx3";

    private readonly VethLab _lab = VethLab.Create();
    private readonly VhostRig _rig = new();

    public void Dispose()
    {
        _rig.Dispose();
        _lab.Dispose();
    }

    private string Space => $"/run/netns/{_lab.OuterName.Replace("-o-", "-i-", StringComparison.Ordinal)}";

    [Fact]
    public void Link_SocketAndGuest_PassesFramesBothWaysAndOverADeath()
    {
        _rig.Life.CreateUmem("u");
        _rig.Life.Bind("s", "u", VethLab.Device, Space);
        using ScriptedFrontEnd guest = Guest("v");
        _rig.Life.Links.Create(new Link
        {
            Name = "l",
            Spec = new LinkSpec { A = new Endpoint { XskSockets = { "s" } }, B = new Endpoint { VhostDevice = "v" } },
        });
        using var wire = new PacketWire(_lab.Outer, VethLab.Peer);
        for (int life = 0; life < 3; life++)
        {
            for (ulong i = 1; i <= 100; i++)
            {
                byte[] frame = PacketWire.Frame(i, 60 + (int)(i % 1400));
                wire.Send(frame);
                Assert.Equal(frame, Arrived(guest));
                byte[] back = PacketWire.Frame(1000 + i, 60 + (int)(i % 1400));
                Assert.True(guest.Rings[1].TrySend(back));
                Assert.Equal(back, wire.Receive());
            }

            _rig.Life.CheckLedgers();
            if (life != 2)
            {
                _rig.Die();
                Assert.Empty(_rig.Life.AdoptionFaults);
            }
        }

        LinkStatus status = _rig.Life.Resources.Link("l").Describe().Status;
        Assert.Equal((LinkState.Up, false), (status.State, status.ZeroCopy));
        _rig.Life.Links.Delete("l");
        _rig.Life.Commands.VhostDevices.Delete("v");
        Assert.Equal(["segment", "state", "umem/u"], _rig.Keeper.Keys.Where(IsNoSocket));
    }

    [Fact]
    public void Bridge_SocketsAndGuests_FloodsAndLearns()
    {
        _lab.AddPair(SecondDevice, SecondPeer, 1, 1, 1);
        _rig.Life.CreateUmem("u");
        _rig.Life.Bind("s", "u", VethLab.Device, Space);
        _rig.Life.Bind("t", "u", SecondDevice, Space);
        using ScriptedFrontEnd guest = Guest("v");
        _rig.Life.Commands.Bridges.Create(new Bridge
        {
            Name = "br",
            Spec = new BridgeSpec
            {
                Endpoints =
                {
                    new Endpoint { XskSockets = { "s" } },
                    new Endpoint { XskSockets = { "t" } },
                    new Endpoint { VhostDevice = "v" },
                },
            },
        });
        using var s = new PacketWire(_lab.Outer, VethLab.Peer);
        using var t = new PacketWire(_lab.Outer, SecondPeer);

        byte[] everywhere = PacketWire.Frame(1, 200);
        s.Send(everywhere);
        Assert.Equal(everywhere, t.Receive());
        Assert.Equal(everywhere, Arrived(guest));
        byte[] toS = PacketWire.Frame(2, 300);
        toS.AsSpan(0, 6).Fill(0x02);
        toS.AsSpan(6, 6).Fill(0x04);
        Assert.True(guest.Rings[1].TrySend(toS));
        Assert.Equal(toS, s.Receive());

        BridgeStatus status = _rig.Life.Resources.Bridge("br").Describe().Status;
        Assert.Equal([1u, 0u, 1u], status.Ports.Select(port => port.Entries));
        Assert.Equal([1ul, 1ul, 1ul], status.Ports.Select(port => port.TxPackets));
        Assert.Equal("IN_USE", ControlLife.Fault(() => _rig.Life.Unbind("s")));
        _rig.Life.CheckLedgers();
    }

    [Fact]
    public void Link_GroupsOnTwoWorkers_AreGatheredOnOne()
    {
        using var store = new MemoryStore();
        using var life = new ReviewLife(store);
        UmemResource umem = life.CreateUmem("u", 256);
        life.Bound(_lab, "s", "u");
        Do(life, new Command
        {
            CreateVhostDevice = new CreateVhostDevice
            {
                VhostDevice = new VhostDevice
                {
                    Name = "v",
                    Spec = new VhostDeviceSpec { SocketPath = _rig.Path("v"), QueuePairs = 4 },
                },
            },
        });
        VhostResource device = life.Resources.VhostDevice("v");
        Assert.NotEqual(umem.Worker, device.Worker);

        Do(life, new Command
        {
            CreateLink = new CreateLink
            {
                Link = new Link
                {
                    Name = "l",
                    Spec = new LinkSpec
                    {
                        A = new Endpoint { XskSockets = { "s" } },
                        B = new Endpoint { VhostDevice = "v" },
                    },
                },
            },
        });

        Assert.Equal(device.Worker, umem.Worker);
        Assert.Equal(5, device.Worker.PortCount);
        Assert.Equal((uint)device.Worker.Slot, life.Segment.Port(0).Identity.WorkerSlot);
    }

    private static bool IsNoSocket(string key) =>
        !key.StartsWith("xsk/", StringComparison.Ordinal) && !key.StartsWith("xdp/", StringComparison.Ordinal);

    private static void Do(ReviewLife life, Command command)
    {
        Reply reply = life.Do(command);
        Assert.True(reply.Fault is null, reply.Fault?.Message);
    }

    private ScriptedFrontEnd Guest(string name)
    {
        _rig.Create(name);
        ScriptedFrontEnd frontEnd = _rig.Start(name);
        frontEnd.Rings[0].Fill();
        return frontEnd;
    }

    private byte[] Arrived(ScriptedFrontEnd guest)
    {
        byte[]? frame = null;
        _rig.Until(() => (frame = guest.Rings[0].TryReceive()) is not null, "a frame to arrive");
        return frame!;
    }
}
