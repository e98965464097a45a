using Google.Protobuf;
using Nf.Internal.V1;
using Nf.Linux;
using Nf.SharedMemory.Packets;

namespace Nf.Service;

/// <summary>Packets of the command socket, the ones that are too large for it included.</summary>
internal static class PacketCodec
{
    /// <summary>Sends a packet unless there is no room for it now.</summary>
    /// <returns>False when there is no room.</returns>
    /// <exception cref="IOException">The connection is gone, or there is no memory to enclose it.</exception>
    public static bool TrySend(IDataPlaneConnection connection, ServicePacket packet)
    {
        byte[] bytes = packet.ToByteArray();
        if (bytes.Length <= EnclosedPacket.PlainBytesMax)
        {
            return connection.TrySend(bytes);
        }

        if (bytes.Length > EnclosedPacket.BytesMax)
        {
            throw new InvalidOperationException($"a packet of {bytes.Length} bytes");
        }

        using FileDescriptor file = EnclosedPacket.Write(bytes);
        var cover = new ServicePacket { Enclosed = new Enclosed { Size = (ulong)bytes.Length } };
        return connection.TrySend(cover.ToByteArray(), file);
    }

    /// <summary>Parses a packet, and what it encloses.</summary>
    /// <exception cref="InvalidDataException">It breaks the rules of enclosing.</exception>
    /// <exception cref="InvalidProtocolBufferException">It is no packet.</exception>
    public static DataPlanePacket Parse(ReceivedPacket received, out int bytes)
    {
        DataPlanePacket packet = DataPlanePacket.Parser.ParseFrom(received.Bytes.Span);
        bytes = received.Bytes.Length;
        bool brings = packet.PacketCase is DataPlanePacket.PacketOneofCase.Hello
            or DataPlanePacket.PacketOneofCase.Enclosed;
        if (received.Descriptors.Count != (brings ? 1 : 0))
        {
            throw new InvalidDataException($"{received.Descriptors.Count} descriptors beside a {packet.PacketCase}");
        }

        if (packet.PacketCase != DataPlanePacket.PacketOneofCase.Enclosed)
        {
            return packet;
        }

        byte[] enclosed = EnclosedPacket.Read(received.Descriptors[0], packet.Enclosed.Size);
        packet = DataPlanePacket.Parser.ParseFrom(enclosed);
        bytes = enclosed.Length;
        return packet.PacketCase is DataPlanePacket.PacketOneofCase.Reply or DataPlanePacket.PacketOneofCase.Event
            ? packet
            : throw new InvalidDataException($"an enclosed packet with a {packet.PacketCase} in it");
    }
}
