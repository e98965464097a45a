using System.Net.Sockets;
using Nf.Client;
using Nf.DataPlane.Tests.Control;
using Nf.DataPlane.Tests.Xdp;
using Nf.Linux;
using Nf.SharedMemory.Broker;

namespace Nf.DataPlane.Tests.Broker;

/// <summary>Clients that go and come back, interfaces that go, lives of the data plane that end.</summary>
[Collection(Alone.Name)]
[Trait("Tier", "kernel")]
public sealed class LeaseLifeTests
{
    private const int Port = 4789;

    [Fact]
    public void Client_GoneWithoutAWord_LeavesNothing()
    {
        using var lab = new LeaseLab();
        using Socket inside = lab.Veth.ListenInside(Port);
        using Socket outside = lab.Veth.ConnectOutside(Port);
        BrokerClient client = lab.Connect();
        lab.Lease(client).Abandon();
        client.Dispose();
        lab.AssertNothingLeft();
        outside.Send([1]);
        Assert.Equal(1, inside.Receive(new byte[16]));
        using BrokerClient next = lab.Connect();
        XskLease again = lab.Lease(next);
        Assert.Equal(2ul, again.Id);
    }

    [Fact]
    public void Client_GoneWithALeaseToKeep_IsFollowedByOneThatGetsEveryPacketInTheRings()
    {
        const int packets = 100;
        using var lab = new LeaseLab();
        using Socket outside = lab.Veth.ConnectOutside(Port);
        BrokerClient client = lab.Connect();
        XskLease lease = lab.Lease(client, lab.Options with { KeepFor = TimeSpan.FromSeconds(60) });
        (ulong id, byte[] secret) = (lease.Id, lease.Secret);
        FileIdentity socket = Single(lab).Socket.Descriptor.Identity;
        lease.Abandon();
        client.Dispose();
        lab.Life.Until(() => Single(lab).Holder is null, "the broker to notice");
        for (byte i = 0; i < packets; i++)
        {
            outside.Send([i]);
        }

        using BrokerClient stranger = lab.Connect();
        Assert.Equal(Errno.ENOENT, TakeUpFails(lab, stranger, id, new byte[16]));
        Assert.Equal(Errno.ENOENT, TakeUpFails(lab, stranger, id + 1, secret));
        using BrokerClient next = lab.Connect();
        XskLease taken = lab.TakeUp(next, id, secret);
        Assert.Equal(Errno.EBUSY, TakeUpFails(lab, stranger, id, secret));
        Assert.Equal(socket, Single(lab).Socket.Descriptor.Identity);
        for (byte i = 0; i < packets; i++)
        {
            Assert.True(taken.TryReceive(out LeasedFrame frame), $"packet {i} is missing");
            Assert.Equal(i, taken.Bytes(frame)[42]);
            taken.Free(frame);
        }

        // Every chunk was found: what is not free is in the fill ring.
        taken.Flush();
        Assert.Equal(512u - 128, taken.FreeCount);
    }

    [Fact]
    public void Lease_KeptForNobody_EndsInTime()
    {
        using var lab = new LeaseLab();
        BrokerClient client = lab.Connect();
        lab.Lease(client, lab.Options with { KeepFor = TimeSpan.FromSeconds(1) }).Abandon();
        client.Dispose();
        lab.Life.Until(() => Single(lab).Holder is null, "the broker to notice");
        lab.AssertNothingLeft();
        Assert.Contains(lab.Life.Events, e => e.ResourceType == "lease" && e.Message == "nobody took it up");
    }

    [Fact]
    public void DataPlane_KilledUnderALease_IsFollowedByALifeThatDisturbsNothing()
    {
        using var lab = new LeaseLab();
        using Socket outside = lab.Veth.ConnectOutside(Port);
        using BrokerClient client = lab.Connect();
        XskLease lease = lab.Lease(client);
        byte sent = 0;
        Pass(lease, outside, ref sent);

        for (int kill = 0; kill < 3; kill++)
        {
            lab.KillAndAdopt();
            Assert.Empty(lab.Life.AdoptionFaults);
            Assert.Equal(lease.Id, Single(lab).Id);
            lab.Event(client, told => told.Type == BrokerMessageType.Life);
            Pass(lease, outside, ref sent);
        }

        // The connection is served, and its end ends the lease as ever.
        lab.Life.Serve(client.Ping);
        lab.Release(lease);
        lab.AssertNothingLeft();
    }

    [Fact]
    public void DataPlane_ClientGoneMeanwhile_IsFollowedByALifeThatEndsItsLease()
    {
        using var lab = new LeaseLab();
        BrokerClient client = lab.Connect();
        XskLease lease = lab.Lease(client);
        lab.Life.Freeze();
        lease.Abandon();
        client.Dispose();
        lab.KillAndAdopt();
        lab.AssertNothingLeft();
    }

    [Fact]
    public void Interface_DownUpAndGone_IsToldToTheClient()
    {
        using var lab = new LeaseLab();
        using BrokerClient client = lab.Connect();
        XskLease lease = lab.Lease(client);
        lab.Veth.Inside($"link set {VethLab.Device} down");
        Assert.Contains(
            "is down", lab.Event(client, told => told.State == LeaseState.DeviceDown).Text, StringComparison.Ordinal);
        lab.Veth.Inside($"link set {VethLab.Device} up");
        lab.Event(client, told => told.State == LeaseState.Bound);
        lab.Veth.Inside($"link del {VethLab.Device}");
        lab.Event(client, told => told.State == LeaseState.DeviceLost);
        lab.Release(lease);
        lab.AssertNothingLeft();
    }

    private static void Pass(XskLease lease, Socket outside, ref byte sent)
    {
        for (int i = 0; i < 50; i++, sent++)
        {
            outside.Send([sent]);
            LeasedFrame frame = default;
            Assert.True(SpinWait.SpinUntil(() => lease.TryReceive(out frame), TimeSpan.FromSeconds(5)));
            Assert.Equal(sent, lease.Bytes(frame)[42]);
            lease.Free(frame);
            lease.Flush();
        }
    }

    private static Errno TakeUpFails(LeaseLab lab, BrokerClient client, ulong id, byte[] secret) => lab.Serve(
        () => Assert.Throws<BrokerException>(() => client.TakeUp(id, secret)).Errno);

    private static DataPlane.Broker.Lease Single(LeaseLab lab) => Assert.Single(lab.Life.Broker.Leases.All);
}
