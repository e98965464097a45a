using System.Diagnostics;
using System.Net;
using System.Net.Sockets;
using Nf.Linux;

namespace Nf.DataPlane.Tests.Control;

/// <summary>Puts frames on an interface and sees what arrives there (AF_PACKET).</summary>
internal sealed class PacketWire : IDisposable
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(10);

    private readonly Socket _socket;
    private readonly byte[] _buffer = new byte[65536];

    internal PacketWire(NetworkNamespace space, string device) => _socket = space.Run(() =>
    {
        using var netlink = new RouteNetlink();
        int ifindex = netlink.FindLink(device)!.Ifindex;
        var socket = new Socket(AddressFamily.Packet, SocketType.Raw, 0)
        {
            ReceiveBufferSize = 1 << 22,
        };
        socket.Bind(new PacketEndPoint(ifindex));
        return socket;
    });

    /// <summary>A frame of the experimental EtherType with a number and bytes that follow from it.</summary>
    internal static byte[] Frame(ulong number, int length)
    {
        byte[] frame = Lab.LabFrame.Make(number, length);
        frame.AsSpan(0, 6).Fill(0xff);
        frame.AsSpan(6, 6).Fill(0x02);
        frame[12] = 0x88;
        frame[13] = 0xb5;
        return frame;
    }

    internal void Send(byte[] frame) => _socket.Send(frame);

    /// <summary>The next frame of ours that arrives.</summary>
    internal byte[] Receive()
    {
        for (var clock = Stopwatch.StartNew(); clock.Elapsed < Patience;)
        {
            if (!_socket.Poll(100_000, SelectMode.SelectRead))
            {
                continue;
            }

            int length = _socket.Receive(_buffer);
            if (length >= 22 && _buffer[12] == 0x88 && _buffer[13] == 0xb5)
            {
                return _buffer[..length];
            }
        }

        throw new InvalidOperationException("no frame came");
    }

    public void Dispose() => _socket.Dispose();

    // struct sockaddr_ll: family, protocol (ETH_P_ALL), ifindex; bind reads no more.
    private sealed class PacketEndPoint(int ifindex) : EndPoint
    {
        public override AddressFamily AddressFamily => AddressFamily.Packet;

        public override SocketAddress Serialize()
        {
            var address = new SocketAddress(AddressFamily.Packet, 20);
            address[3] = 3;
            byte[] index = BitConverter.GetBytes(ifindex);
            for (int i = 0; i < index.Length; i++)
            {
                address[4 + i] = index[i];
            }

            return address;
        }
    }
}
