using Nf.DataPlane.Forwarding;
using Nf.DataPlane.Lab;
using Nf.DataPlane.Tests.Vhost.Ports;
using Nf.SharedMemory.Segments;

namespace Nf.DataPlane.Tests.Forwarding;

// A switch of a socket (end 0) and three guests (ends 1 to 3).
public sealed class BridgeTests : IDisposable
{
    private static readonly byte[] Broadcast = [0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF];

    private readonly VhostRig _rig = new(new GuestSide(1).Start(), new GuestSide(2).Start(), new GuestSide(3).Start());
    private readonly SteppedClock _clock = new();
    private readonly Bridge _bridge;
    private ulong _number;

    public BridgeTests()
    {
        _bridge = New(new BridgeSettings(4, TimeSpan.FromSeconds(300), 64, 32));
        _rig.Round();
    }

    public void Dispose()
    {
        _bridge.Dispose();
        _rig.Dispose();
    }

    [Fact]
    public void Forward_UnknownReceiver_GoesEverywhereButBack()
    {
        Send(1, Mac(9), Mac(1));
        Assert.Equal([true, false, true, true], Arrived());
        Assert.Equal(1u, _bridge.Flooded);
        Assert.Equal(1u, _bridge.Counters(1).Flooded);
        Assert.Equal(1u, _bridge.Counters(2).TxPackets);
        _rig.CheckSums();
    }

    [Fact]
    public void Forward_KnownReceiver_GoesThereOnly()
    {
        Send(2, Mac(9), Mac(2));
        Arrived();
        Send(0, Mac(2), Mac(7));
        Assert.Equal([false, false, true, false], Arrived());
        Send(2, Mac(7), Mac(2));
        Assert.Equal([true, false, false, false], Arrived());
        Assert.Equal(2u, _bridge.EntryCount);
        Assert.Equal(2u, _bridge.Learned);
        Assert.Equal(1u, _bridge.Flooded);
        _rig.CheckSums();
    }

    [Fact]
    public void Forward_BroadcastAndMulticast_GoEverywhereButBack()
    {
        byte[] multicast = [0x33, 0x33, 0, 0, 0, 1];
        foreach (byte[] receiver in new[] { Broadcast, multicast })
        {
            for (int from = 0; from < 4; from++)
            {
                Send(from, receiver, Mac(from));
                Assert.Equal([from != 0, from != 1, from != 2, from != 3], Arrived());
            }
        }

        Assert.Equal(8u, _bridge.Flooded);
        _rig.CheckSums();
    }

    [Fact]
    public void Forward_SenderThatIsNobody_IsNotLearned()
    {
        Send(1, Mac(9), Broadcast);
        Send(1, Mac(9), [0x33, 0x33, 0, 0, 0, 1]);
        Send(1, Mac(9), new byte[6]);
        Arrived();
        Assert.Equal(0u, _bridge.EntryCount);
        Send(2, Broadcast, Mac(2));
        Assert.Equal([true, true, false, true], Arrived());
    }

    [Fact]
    public void Forward_ReceiverWhereItCameFrom_IsDropped()
    {
        Send(1, Mac(9), Mac(1));
        Arrived();
        Send(1, Mac(1), Mac(5));
        Assert.Equal([false, false, false, false], Arrived());
        Assert.Equal(1u, _rig.Guests[0].Drops(DropReason.SamePort));
        _rig.CheckSums();
    }

    [Fact]
    public void Forward_SenderMoves_IsFoundAtItsNewEnd()
    {
        Send(1, Mac(9), Mac(1));
        Send(2, Mac(9), Mac(1));
        Arrived();
        Send(3, Mac(1), Mac(3));
        Assert.Equal([false, false, true, false], Arrived());
        Assert.Equal(1u, _bridge.Moved);
        Assert.Equal(2u, _bridge.Learned);
    }

    [Fact]
    public void Forward_SilentForTooLong_IsForgotten()
    {
        Send(1, Mac(9), Mac(1));
        Arrived();
        _clock.Advance(TimeSpan.FromSeconds(299));
        Send(2, Mac(1), Mac(2));
        Assert.Equal([false, true, false, false], Arrived());
        BridgeEntry entry = _bridge.Entries().Single(e => e.End == 1);
        Assert.Equal(299, entry.Age.TotalSeconds, 0.1);
        Assert.Equal(Mac(1), BitConverter.GetBytes(entry.Mac)[..6]);
        _clock.Advance(TimeSpan.FromSeconds(2));
        Send(2, Mac(1), Mac(2));
        Assert.Equal([true, true, false, true], Arrived());
        Assert.Equal([2], _bridge.Entries().Select(e => e.End));
        Assert.Equal(1u, _bridge.Aged);
    }

    [Fact]
    public void Forward_MoreSendersThanAnEndMayHave_FloodsTheirFramesOnly()
    {
        for (int i = 0; i < 100; i++)
        {
            Send(1, Mac(99), Mac(1000 + i));
            Arrived();
        }

        Assert.Equal(32u, _bridge.EntriesOf(1));
        Assert.Equal(68u, _bridge.TableFull);
        Send(2, Mac(99), Mac(2));
        Arrived();
        Send(3, Mac(2), Mac(3));
        Assert.Equal([false, false, true, false], Arrived());
    }

    [Fact]
    public void Forward_OneEndTakesNothing_TheOthersGetTheirs()
    {
        // The first guest offers nothing, the second is stopped, the third is disabled.
        _rig.Guests[1].Port.SetRing(guestSends: false, null, null);
        _rig.Guests[2].Port.SetEnabled(guestSends: false, false);
        for (int i = 0; i < 300; i++)
        {
            _rig.Guests[0].ToGuest.TakeAll();
            _rig.Lab.Receive(0, Frame(Broadcast, Mac(0)));
            _rig.Round();
        }

        Assert.Equal(300u, _rig.Lab.Traffic(0).RxPackets);
        Assert.Equal(300u, _rig.Lab.Drops(0));
        Assert.Equal(300u, _bridge.Counters(2).Dropped);
        _rig.CheckSums();

        // One that takes a copy is enough for a frame to be forwarded.
        _rig.Guests[0].Offer(1);
        _rig.Lab.Receive(0, Frame(Broadcast, Mac(0)));
        _rig.Round();
        Assert.Equal(1u, _rig.Lab.Traffic(0).LinkPackets);
        Assert.Equal(301u, _bridge.Counters(2).Dropped);
        _rig.CheckSums();
    }

    [Fact]
    public void Forward_TxRingOfASocketFull_StopsNobody()
    {
        GuestSide guest = _rig.Guests[0];
        for (int i = 0; i < 200; i++)
        {
            _rig.Guests[1].Offer(5);
            guest.Send(Frame(Broadcast, Mac(1)));
            _rig.Round();
            _rig.Guests[1].Take();
        }

        // The kernel sends nothing: 64 slots.
        Assert.Equal(64u, _rig.Socket.Tx.Level);
        Assert.Equal(64u, _bridge.Counters(0).TxPackets);
        Assert.Equal(136u, _bridge.Counters(0).Dropped);
        Assert.Equal(200u, _bridge.Counters(2).TxPackets);
        Assert.Equal(200u, guest.Port.Traffic.LinkPackets);
        Send(2, Mac(0x77), Mac(2));
        _rig.CheckSums();
    }

    [Fact]
    public void Disconnect_End_GetsNothingAndSendsNothing()
    {
        Send(1, Mac(9), Mac(1));
        Arrived();
        _bridge.Disconnect(1);
        Send(2, Mac(1), Mac(2));
        Assert.Equal([false, false, false, false], Arrived());
        Assert.Equal(1u, _rig.Guests[1].Drops(DropReason.PeerDown));
        Send(1, Mac(2), Mac(1));
        Arrived();
        Assert.Equal(1u, _rig.Guests[0].Drops(DropReason.NoLink));
        _bridge.Forget(1);
        Send(2, Mac(1), Mac(2));
        Assert.Equal([true, false, false, true], Arrived());
        _bridge.Connect(1, [_rig.Guests[0].Port]);
        Send(2, Mac(1), Mac(2));
        Assert.Equal([true, true, false, true], Arrived());
        _rig.CheckSums();
    }

    [Fact]
    public void SendRarp_OnABridge_IsFloodedAndTeachesItsAddress()
    {
        Offer();
        _rig.Guests[0].Port.SendRarp(Mac(0x55));
        Assert.Equal([true, false, true, true], Arrived());
        Send(2, Mac(0x55), Mac(2));
        Assert.Equal([false, true, false, false], Arrived());
    }

    [Fact]
    public void Forward_AddressesScatteredOverBuffers_AreRead()
    {
        byte[] frame = Frame(Mac(9), Mac(1));
        Offer();
        _rig.Guests[0].Send(frame, default, 5, 5, 5, 5);
        Assert.Equal([true, false, true, true], Arrived());
        Send(2, Mac(1), Mac(2));
        Assert.Equal([false, true, false, false], Arrived());
    }

    [Fact]
    public void Forward_QueuesOfAnEnd_AreNotForEachOther()
    {
        // Guests 0 and 1 become two queues of one end.
        _bridge.Disconnect(2);
        _bridge.Connect(1, [_rig.Guests[0].Port, _rig.Guests[1].Port]);
        Send(2, Broadcast, Mac(5));
        Assert.Equal([true, false, false, true], Arrived());
        Send(0, Mac(5), Mac(6));
        Assert.Equal([false, true, false, false], Arrived());
        Send(1, Mac(5), Mac(7));
        Assert.Equal([false, false, false, false], Arrived());
    }

    [Fact]
    public void Forward_ManyFramesOfManySenders_KeepsTheOrderOfEach()
    {
        var random = new Random(9);
        for (int i = 1; i < 4; i++)
        {
            Send(i, Broadcast, Mac(i));
        }

        Arrived();
        var sent = new Dictionary<(int From, int To), List<ulong>>();
        var got = new Dictionary<(int From, int To), List<ulong>>();
        for (int round = 0; round < 200; round++)
        {
            for (int i = random.Next(40); i > 0; i--)
            {
                int from = random.Next(1, 4);
                int to = random.Next(1, 5); // 4 is known nowhere
                if (to != from && _rig.Guests[from - 1].Send(Frame(Mac(to), Mac(from))))
                {
                    List(sent, (from, to)).Add(_number);
                }
            }

            foreach (GuestSide guest in _rig.Guests)
            {
                guest.Offer(256);
            }

            _rig.Settle();
            for (int to = 1; to < 4; to++)
            {
                foreach (GuestFrame frame in _rig.Guests[to - 1].Take().Where(f => f.Bytes[5] == to))
                {
                    List(got, (frame.Bytes[11], to)).Add(LabFrame.NumberOf(frame.Bytes));
                }
            }
        }

        Assert.NotEmpty(got);
        foreach (((int, int) flow, List<ulong> numbers) in got)
        {
            Assert.Equal(sent[flow], numbers);
        }

        _rig.CheckSums();
    }

    private static List<ulong> List(Dictionary<(int, int), List<ulong>> lists, (int, int) key) =>
        lists.TryGetValue(key, out List<ulong>? list) ? list : lists[key] = [];

    private static byte[] Mac(int number) => [0x52, 0x54, 0, 0, (byte)(number >> 8), (byte)number];

    private Bridge New(BridgeSettings settings)
    {
        var bridge = new Bridge(settings, _clock);
        bridge.Connect(0, [_rig.Socket]);
        for (int i = 0; i < 3; i++)
        {
            bridge.Connect(i + 1, [_rig.Guests[i].Port]);
        }

        return bridge;
    }

    private byte[] Frame(byte[] receiver, byte[] sender)
    {
        byte[] frame = LabFrame.Make(++_number, 60);
        receiver.CopyTo(frame, 0);
        sender.CopyTo(frame, 6);
        return frame;
    }

    private void Send(int from, byte[] receiver, byte[] sender)
    {
        byte[] frame = Frame(receiver, sender);
        if (from == 0)
        {
            _rig.Lab.Receive(0, frame);
        }
        else
        {
            Assert.True(_rig.Guests[from - 1].Send(frame));
        }

        Offer();
        _rig.Settle();
    }

    private void Offer()
    {
        foreach (GuestSide guest in _rig.Guests)
        {
            guest.Offer(2);
        }
    }

    // Which ends got something since the last time.
    private bool[] Arrived()
    {
        _rig.Settle();
        bool socket = _rig.Sent.Count != 0;
        _rig.Sent.Clear();
        return [socket, .. _rig.Guests.Select(guest => guest.Take().Count != 0)];
    }

    private sealed class SteppedClock : TimeProvider
    {
        private long _ticks = 1_000_000;

        public override long TimestampFrequency => 1000;

        public override long GetTimestamp() => _ticks;

        internal void Advance(TimeSpan time) => _ticks += (long)time.TotalMilliseconds;
    }
}
