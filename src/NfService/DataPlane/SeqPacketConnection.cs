using Nf.Linux;
using Nf.SharedMemory.Packets;

namespace Nf.Service;

/// <summary>A connection over an AF_UNIX SEQPACKET socket.</summary>
internal sealed class SeqPacketConnection(SeqPacketSocket socket) : IDataPlaneConnection
{
    /// <summary>Most bytes of a packet, as command.proto has it.</summary>
    public const int PacketBytesMax = EnclosedPacket.PlainBytesMax;

    private readonly byte[] _buffer = new byte[PacketBytesMax];

    public bool TrySend(ReadOnlySpan<byte> packet, FileDescriptor? beside = null)
    {
        ReadOnlySpan<FileDescriptor> descriptors = beside is null ? [] : [beside];
        return socket.TrySend(packet, descriptors) switch
        {
            TransferStatus.Done => true,
            TransferStatus.WouldBlock => false,
            _ => throw new LinuxException("sendmsg", Errno.EPIPE),
        };
    }

    public ReceivedPacket? Receive()
    {
        var descriptors = new List<FileDescriptor>();
        return socket.Receive(_buffer, out int length, descriptors) == TransferStatus.Done
            ? new ReceivedPacket(_buffer.AsMemory(0, length), descriptors)
            : null;
    }

    public void Close() => socket.Shutdown();

    public void Dispose() => socket.Dispose();
}

/// <summary>Connects to a socket file.</summary>
internal sealed class SeqPacketConnector(string path) : IDataPlaneConnector
{
    public string Address => path;

    public IDataPlaneConnection Connect() => new SeqPacketConnection(SeqPacketSocket.Connect(path));
}
