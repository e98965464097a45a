using Google.Protobuf;
using Nf.Internal.V1;
using Nf.Linux;
using Nf.SharedMemory.Packets;

namespace Nf.DataPlane.Control;

/// <summary>A packet to the service as it goes out: its bytes, or a cover beside the file with them.</summary>
internal sealed class OutgoingPacket : IDisposable
{
    private readonly byte[] _bytes;
    private readonly FileDescriptor? _file;

    private OutgoingPacket(byte[] bytes, FileDescriptor? file, int size)
    {
        _bytes = bytes;
        _file = file;
        Size = size;
    }

    /// <summary>Bytes of the packet itself.</summary>
    internal int Size { get; }

    /// <summary>A packet, enclosed when it is too large; null when it is too large for that, too.</summary>
    /// <exception cref="LinuxException">No memory or no descriptor to enclose it.</exception>
    internal static OutgoingPacket? Of(DataPlanePacket packet)
    {
        byte[] bytes = packet.ToByteArray();
        if (bytes.Length <= EnclosedPacket.PlainBytesMax)
        {
            return new OutgoingPacket(bytes, null, bytes.Length);
        }

        if (bytes.Length > EnclosedPacket.BytesMax)
        {
            return null;
        }

        var cover = new DataPlanePacket { Enclosed = new Enclosed { Size = (ulong)bytes.Length } };
        return new OutgoingPacket(cover.ToByteArray(), EnclosedPacket.Write(bytes), bytes.Length);
    }

    /// <summary>Sends it if there is room for it now.</summary>
    internal TransferStatus TrySend(SeqPacketSocket socket) =>
        _file is null ? socket.TrySend(_bytes) : socket.TrySend(_bytes, [_file]);

    public void Dispose() => _file?.Dispose();
}
