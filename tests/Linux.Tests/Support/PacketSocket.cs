using System.Buffers.Binary;

namespace Nf.Linux.Tests.Support;

/// <summary>Sees what the stack sees on an interface (AF_PACKET).</summary>
public sealed unsafe class PacketSocket : IDisposable
{
    private const ushort AllProtocols = 3; // ETH_P_ALL
    private readonly FileDescriptor _socket;

    public PacketSocket(TestNamespace space, int ifindex)
    {
        ushort protocol = BinaryPrimitives.ReverseEndianness(AllProtocols);
        _socket = space.Run(() => FileDescriptor.Socket(Libc.AF_PACKET, Libc.SOCK_RAW, protocol));

        // struct sockaddr_ll: family, protocol, ifindex, and 12 bytes that bind does not read.
        byte* address = stackalloc byte[20];
        new Span<byte>(address, 20).Clear();
        *(ushort*)address = Libc.AF_PACKET;
        *(ushort*)(address + 2) = protocol;
        *(int*)(address + 4) = ifindex;
        Result.Check(Libc.bind(_socket, address, 20), "bind(AF_PACKET)");
    }

    /// <summary>Waits for a frame of the kind wanted.</summary>
    public byte[] Receive(Func<byte[], bool> wanted)
    {
        using var epoll = new Epoll();
        epoll.Add(_socket, EpollEvents.In, 0);
        byte[] buffer = new byte[65536];
        while (true)
        {
            Assert.True(epoll.Wait(new EpollEvent[1], 10_000) > 0, "no frame reached the stack");
            byte[] frame = buffer[.._socket.Read(buffer)];
            if (wanted(frame))
            {
                return frame;
            }
        }
    }

    public void Dispose() => _socket.Dispose();
}
