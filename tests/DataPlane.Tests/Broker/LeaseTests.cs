using System.Net.Sockets;
using Nf.Client;
using Nf.DataPlane.Tests.Control;
using Nf.DataPlane.Tests.Xdp;
using Nf.Linux;
using Nf.SharedMemory.Broker;

namespace Nf.DataPlane.Tests.Broker;

/// <summary>Leases on a real kernel: packets through lent sockets, and nothing left behind.</summary>
[Collection(Alone.Name)]
[Trait("Tier", "kernel")]
public sealed class LeaseTests
{
    private const int Port = 4789;

    [Theory]
    [InlineData(LeaseMemoryKind.Service)]
    [InlineData(LeaseMemoryKind.Own)]
    public void Lease_PacketsOfTheQueue_ArriveAndGoBackUntilItIsGivenBack(LeaseMemoryKind memory)
    {
        using var lab = new LeaseLab();
        using Socket inside = lab.Veth.ListenInside(Port);
        using Socket outside = lab.Veth.ConnectOutside(Port);
        using BrokerClient client = lab.Connect();
        XskLease lease = lab.Lease(client, lab.Options with { Memory = memory });

        Assert.Equal(LeaseState.Bound, lease.Info.State);
        Assert.Equal(LeaseFlags.Copy | LeaseFlags.Native, lease.Info.Granted);
        Assert.Equal((VethLab.Device, (uint)lab.Veth.Ifindex), (lease.Info.Interface.Text, lease.Info.Ifindex));
        Assert.Equal([2, 0, 0, 0, 0, 1], lease.Mac);
        for (byte i = 0; i < 100; i++)
        {
            outside.Send([i, 1, 2, 3]);
            LeasedFrame frame = Receive(lease);
            Assert.Equal([i, 1, 2, 3], lease.Bytes(frame)[42..46].ToArray());
            SwapEnds(lease.Bytes(frame));
            Assert.True(lease.TryTransmit(frame));
            lease.Flush();
            byte[] back = new byte[64];
            outside.ReceiveTimeout = 5000;
            Assert.Equal(4, outside.Receive(back));
            Assert.Equal(i, back[0]);
        }

        Assert.Equal(0, inside.Available);
        lab.Release(lease);
        lab.AssertNothingLeft();
        outside.Send([7]);
        Assert.Equal(1, inside.Receive(new byte[16]));
    }

    [Fact]
    public void Lease_ChunksAfterManyFrames_AreAllAccountedFor()
    {
        using var lab = new LeaseLab();
        using Socket outside = lab.Veth.ConnectOutside(Port);
        using BrokerClient client = lab.Connect();
        XskLease lease = lab.Lease(client);
        for (int i = 0; i < 2000; i++)
        {
            outside.Send([1, 2, 3, 4]);
            LeasedFrame frame = Receive(lease);
            lease.Free(frame);
            Assert.True(lease.TryTransmit(new byte[60]));
            lease.Flush();
        }

        // Everything but the full fill ring, and what the kernel sends still.
        lab.Life.Until(() => Settled(lease), "the chunks to come back");
        Assert.Throws<InvalidOperationException>(() => lease.Free(new LeasedFrame(0, 0, 60)));
        Assert.Throws<ArgumentException>(() => lease.TryTransmit(new byte[13]));

        static bool Settled(XskLease lease)
        {
            lease.Flush();
            return lease.FreeCount == 512 - 128;
        }
    }

    [Fact]
    public void Lease_QueueOfALeaseOrOfTheDataPlane_IsRefusedWithItsHolder()
    {
        using var lab = new LeaseLab();
        using BrokerClient client = lab.Connect();
        using BrokerClient other = lab.Connect();
        lab.Life.CreateUmem("u");
        XskLease lease = lab.Lease(client);

        BrokerException refusal = lab.Refusal(other, lab.Options);
        Assert.Equal(Errno.EBUSY, refusal.Errno);
        Assert.Contains($"lease {lease.Id} has it", refusal.Message, StringComparison.Ordinal);
        Assert.Equal("QUEUE_TAKEN", ControlLife.Fault(() =>
            lab.Life.Bind("s", "u", VethLab.Device, lab.Veth.InnerPath)));
        lab.Release(lease);

        BindWhenFree(lab);
        refusal = lab.Refusal(other, lab.Options);
        Assert.Contains("socket \"s\" of the data plane has it", refusal.Message, StringComparison.Ordinal);
        lab.Life.Clear();
    }

    [Fact]
    public void Lease_WrongRequests_AreRefusedAndCostNothing()
    {
        using var lab = new LeaseLab();
        using BrokerClient client = lab.Connect();
        (LeaseOptions Options, Errno Errno, string Words)[] wrong =
        [
            (lab.Options with { Interface = "nfnone" }, Errno.ENODEV, "no such interface"),
            (lab.Options with { Queue = 5 }, Errno.EINVAL, "has 1 receive queue(s)"),
            (lab.Options with { RxEntries = 100 }, Errno.EINVAL, "rx 100: a power of two"),
            (lab.Options with { Flags = LeaseFlags.ZeroCopy }, Errno.EOPNOTSUPP, "does not offer zero-copy"),
            (lab.Options with { Memory = LeaseMemoryKind.User }, Errno.EINVAL, "memory_handle 0"),
            (lab.Options with { ChunkBytes = 4096, ChunkCount = 1 << 25 }, Errno.EINVAL, "memory_bytes"),
            (lab.Options with { Network = null }, Errno.ENODEV, "no such interface"),
        ];
        foreach ((LeaseOptions options, Errno errno, string words) in wrong)
        {
            BrokerException refusal = lab.Refusal(client, options);
            Assert.True(errno == refusal.Errno, refusal.Message);
            Assert.Contains(words, refusal.Message, StringComparison.Ordinal);
        }

        lab.AssertNothingLeft();
        lab.Lease(client);
    }

    [Fact]
    public void Policy_OfAnotherUser_RefusesAndIsReadAgainWhenItChanges()
    {
        using var lab = new LeaseLab("""{ "rules": [{ "uids": [12345] }] }""");
        using BrokerClient client = lab.Connect();
        Assert.Equal(0u, client.Info.LeaseCountMax);
        BrokerException refusal = lab.Refusal(client, lab.Options);
        Assert.Equal(Errno.EACCES, refusal.Errno);
        Assert.Contains("uid 0", refusal.Message, StringComparison.Ordinal);

        File.WriteAllText(lab.PolicyPath!, """
            { "rules": [{ "uids": ["*"], "interfaces": ["nfx*"], "network_namespaces": "any", "leases_max": 1 }] }
            """);
        lab.Life.Broker.RefreshPolicy(always: true);
        XskLease lease = lab.Lease(client);
        refusal = lab.Refusal(client, lab.Options);
        Assert.Contains("this user has 1 leases, at most 1", refusal.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void OwnMemory_BindByTheClient_IsRefusedByTheKernel()
    {
        using var lab = new LeaseLab();
        using SeqPacketSocket client = lab.Serve(() => RawClient.Greeted(lab.BrokerPath));
        LeaseRequest request = (lab.Options with { Memory = LeaseMemoryKind.Own }).ToRequest();
        (LeaseAnswer answer, List<FileDescriptor> descriptors) = lab.Serve(
            () => RawClient.Lease(client, request, lab.Veth.Inner.Descriptor));
        Assert.Equal(LeaseState.Registering, answer.State);
        using AfXdpSocket socket = AfXdpSocket.Adopt(Assert.Single(descriptors));
        Assert.Equal(Errno.EINVAL, Fails(() => socket.Bind(lab.Veth.Ifindex, 0, 0)));
        Assert.Equal(Errno.EINVAL, Fails(() => socket.Bind(1, 0, 0)));
        Assert.Equal(Errno.ENODEV, Fails(() => socket.Bind(int.MaxValue, 0, 0)));
        Assert.Equal(Errno.EINVAL, Fails(() => socket.SetRingSize(XdpRing.Rx, 1 << 20)));

        // Not registered: refused, and nothing is steered to it.
        Assert.Equal(Errno.EINVAL, lab.Serve(() => RawClient.Registered(client, answer.Lease)));
        client.Dispose();
        socket.Dispose();
        lab.AssertNothingLeft();
    }

    private static Errno Fails(Action action) => Assert.Throws<LinuxException>(action).Errno;

    private static LeasedFrame Receive(XskLease lease)
    {
        LeasedFrame frame = default;
        Assert.True(
            SpinWait.SpinUntil(
                () =>
                {
                    lease.Flush();
                    return lease.TryReceive(out frame);
                },
                TimeSpan.FromSeconds(5)),
            "no packet arrived");
        return frame;
    }

    private static void SwapEnds(Span<byte> frame)
    {
        Span<byte> keep = stackalloc byte[6];
        foreach ((int a, int b, int length) in new[] { (0, 6, 6), (26, 30, 4), (34, 36, 2) })
        {
            frame.Slice(a, length).CopyTo(keep);
            frame.Slice(b, length).CopyTo(frame[a..]);
            keep[..length].CopyTo(frame[b..]);
        }

        // No checksum: the sender left its own to a device that does not exist.
        frame[40..42].Clear();
    }

    private static void BindWhenFree(LeaseLab lab) => lab.Life.Until(
        () =>
        {
            try
            {
                lab.Life.Bind("s", "u", VethLab.Device, lab.Veth.InnerPath);
                return true;
            }
            catch (Faults.CommandFaultException busy) when (busy.Errno == Errno.EBUSY)
            {
                return false;
            }
        },
        "the kernel to let go of the queue");
}
