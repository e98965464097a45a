using Nf.DataPlane.Forwarding;
using Nf.DataPlane.Frames;
using Nf.DataPlane.Lab;
using Nf.DataPlane.Ports;
using Nf.DataPlane.Tests.Frames;
using Nf.DataPlane.Vhost;

namespace Nf.DataPlane.Tests.Vhost.Ports;

/// <summary>
/// Random operations of guests, kernel and front-ends on a mixture of ports: whatever they do, every frame received has
/// one fate, every chunk one place, and every buffer of a guest comes back.
/// </summary>
public sealed class VhostWalkTests : IDisposable
{
    private const int Steps = 60_000;

    private readonly VhostRig _rig = new(
        new LabPlan(
            "walk", [new LabUmem(300), new LabUmem(200, 4096)],
            [new LabPort(0, -1, 128, SegmentsMax: 18, FrameBytesMax: 9018), new LabPort(1, -1)]),
        new GuestSide(2, GuestSide.Offloads).Start(),
        new GuestSide(3, GuestSide.AllOffloads | VirtioFeatures.RingPacked).Start(),
        new GuestSide(4, GuestSide.Plain | VirtioFeatures.EventIndex, size: 64).Start());

    private readonly Random _random = new(17);
    private ulong _number;

    public void Dispose() => _rig.Dispose();

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void Walk_AnyOperations_SumsCloseAndBuffersComeBack(bool switched)
    {
        using var bridge = new Bridge(new BridgeSettings(5, TimeSpan.FromSeconds(300), 64, 16));
        Port[] ports = [.. _rig.Lab.Life.Ports, .. _rig.Guests.Select(guest => guest.Port)];
        for (int i = 0; i < ports.Length; i++)
        {
            if (switched)
            {
                bridge.Connect(i, [ports[i]]);
            }
            else
            {
                ports[i].Peer = ports[(i + 2) % ports.Length];
            }
        }

        for (int i = 0; i < Steps; i++)
        {
            Step(ports);
            if (i % 500 == 0)
            {
                _rig.CheckSums();
            }
        }

        foreach (Port port in ports)
        {
            port.IsUp = true;
        }

        for (int i = 0; i < 10; i++)
        {
            _rig.Settle();
        }

        _rig.CheckSums();
        Assert.All(_rig.Guests, guest => Assert.Equal(0, guest.OnTheWay));
        Assert.All(_rig.Guests, guest => Assert.True(guest.Port.Traffic.LinkPackets > 1000));
        Assert.Empty(_rig.Lab.Life.Faults);
        Assert.True(!switched || bridge.Flooded > 1000);
    }

    private void Step(Port[] ports)
    {
        GuestSide guest = _rig.Guests[_random.Next(3)];
        int socket = _random.Next(2);
        switch (_random.Next(100))
        {
            case < 35:
                SendFrom(guest);
                break;
            case < 50:
                _rig.Lab.Kernel.Receive(socket, Address(LabFrame.Make(++_number, _random.Next(22, 1500))));
                break;
            case < 70:
                _rig.Round();
                break;
            case < 80:
                _rig.Lab.Kernel.Send(socket, _rig.Lab.Sent[socket], (uint)_random.Next(1, 80));
                _rig.Lab.Kernel.Complete(socket);
                _rig.Lab.Sent[socket].Clear();
                break;
            case < 90:
                guest.Offer(_random.Next(1, 60));
                break;
            case < 97:
                guest.Take();
                break;
            case 97:
                guest.Port.SetEnabled(_random.Next(2) == 0, _random.Next(3) != 0);
                break;
            case 98:
                ports[_random.Next(ports.Length)].IsUp = _random.Next(4) != 0;
                break;
            default:
                guest.Port.SendRarp([2, 0, 0, 0, 0, 1]);
                break;
        }
    }

    private void SendFrom(GuestSide guest)
    {
        bool offloads = (guest.FromGuest.Features & VirtioFeatures.Checksum) != 0;
        switch (_random.Next(offloads ? 4 : 2))
        {
            case 0:
                guest.Send(Address(LabFrame.Make(++_number, _random.Next(14, 3000))));
                break;
            case 1:
                guest.Send(Address(LabFrame.Make(++_number, _random.Next(40, 1500))), default, 3, 9, 20);
                break;
            case 2:
                byte[] udp = Address(SlowNet.Make(false, SlowNet.Udp, LabFrame.Make(++_number, 600)));
                guest.Send(udp, ChecksumTests.OffloadOf(udp, SlowNet.Udp));
                break;
            default:
                byte[] payload = LabFrame.Make(++_number, _random.Next(1, 30_000));
                byte[] tcp = Address(SlowNet.Make(true, SlowNet.Tcp, payload));
                FrameOffload offload = SegmenterTests.LargeOffload(tcp, true, _random.Next(200, 2000));
                guest.Send(tcp, offload);
                break;
        }
    }

    private byte[] Address(byte[] frame)
    {
        byte[] receiver = [2, 0, 0, 0, 0, (byte)_random.Next(1, 13)];
        byte[] sender = [2, 0, 0, 0, 0, (byte)_random.Next(1, 10)];
        receiver.CopyTo(frame, 0);
        sender.CopyTo(frame, 6);
        return frame;
    }
}
