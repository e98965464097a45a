using Nf.DataPlane.Forwarding;
using Nf.DataPlane.Lab;
using Nf.DataPlane.Ports;
using Nf.DataPlane.Tests.Frames;
using Nf.DataPlane.Vhost;

namespace Nf.DataPlane.Tests.Vhost.Ports;

public sealed class VhostAllocationTests : IDisposable
{
    private const int Rounds = 20_000;

    private readonly VhostRig _rig = new(
        new LabPlan("walk", [new LabUmem(1024)], [new LabPort(0, -1, 512)]),
        new GuestSide(1, GuestSide.Offloads).Start(),
        new GuestSide(2, GuestSide.Plain | VirtioFeatures.RingPacked).Start());

    public void Dispose() => _rig.Dispose();

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void RunOnce_TrafficOfEveryKind_AllocatesNothing(bool switched)
    {
        using var bridge = new Bridge(new BridgeSettings(3, TimeSpan.FromSeconds(300), 64, 64));
        Port[] ports = [_rig.Socket, .. _rig.Guests.Select(guest => guest.Port)];
        byte[] tcp = SlowNet.Make(false, SlowNet.Tcp, new byte[5000]);
        byte[] udp = SlowNet.Make(false, SlowNet.Udp, new byte[500]);
        byte[] frame = LabFrame.Make(1, 60);
        for (int i = 0; i < ports.Length; i++)
        {
            ports[i].Peer = ports[(i + 1) % ports.Length];
            if (switched)
            {
                bridge.Connect(i, [ports[i]]);
            }
        }

        long allocated = 0;
        ulong packets = 0;
        for (int round = 0; round < Rounds; round++)
        {
            frame[11] = (byte)round;
            _rig.Lab.Kernel.Receive(0, frame);
            _rig.Guests[0].Send(udp, ChecksumTests.OffloadOf(udp, SlowNet.Udp), 30);
            _rig.Guests[0].Send(tcp, SegmenterTests.LargeOffload(tcp, false, 1400));
            _rig.Guests[1].Send(frame);
            long before = GC.GetAllocatedBytesForCurrentThread();
            packets += _rig.Round();
            allocated += round >= 100 ? GC.GetAllocatedBytesForCurrentThread() - before : 0;
            _rig.Lab.Send();
            _rig.Sent.Clear();
            foreach (GuestSide guest in _rig.Guests)
            {
                guest.Take();
                guest.Offer(20);
            }
        }

        Assert.Equal(0, allocated);
        Assert.True(packets > Rounds * 3, $"{packets} packets in {Rounds} rounds");
        _rig.CheckSums();
    }
}
