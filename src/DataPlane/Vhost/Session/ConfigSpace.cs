using System.Buffers.Binary;
using Nf.DataPlane.Vhost.Protocol;

namespace Nf.DataPlane.Vhost.Session;

/// <summary>The configuration space of a net device (virtio 1.3, 5.1.4), little endian; what is not defined is
/// zero.</summary>
internal sealed class ConfigSpace(IVhostHost host)
{
    private const int StatusOffset = 6;
    private const ushort LinkUp = 1; // VIRTIO_NET_S_LINK_UP
    private const uint SpeedUnknown = uint.MaxValue;
    private const byte DuplexUnknown = byte.MaxValue;

    /// <summary>What a migration put in place of the device's own; null when it did not.</summary>
    internal byte[]? Migrated { get; set; }

    /// <summary>Reads a piece.</summary>
    /// <exception cref="VhostRefusedException">It is not inside the space.</exception>
    internal void Read(VhostRequest request, in ConfigPayload piece, Span<byte> bytes)
    {
        Check(request, piece);
        Span<byte> space = stackalloc byte[(int)ConfigPayload.SpaceBytes];
        Fill(space);
        space.Slice((int)piece.Offset, (int)piece.Size).CopyTo(bytes);
    }

    /// <summary>Writes a piece, which only a migration may: no field of this device is the guest's to write.</summary>
    /// <exception cref="VhostRefusedException">It is not inside the space, or it is the guest who writes.</exception>
    internal void Write(VhostRequest request, in ConfigPayload piece, ReadOnlySpan<byte> bytes)
    {
        Check(request, piece);
        if (piece.Flags != ConfigPayload.MigrationFlag)
        {
            throw Refused.Value(
                request, $"flags 0x{piece.Flags:x}, only a migration (1) may write: no field is writable");
        }

        var space = new byte[ConfigPayload.SpaceBytes];
        Fill(space);
        bytes.CopyTo(space.AsSpan((int)piece.Offset));
        Migrated = space;
    }

    private static void Check(VhostRequest request, in ConfigPayload piece)
    {
        if (piece.Offset > ConfigPayload.SpaceBytes || piece.Size > ConfigPayload.SpaceBytes - piece.Offset)
        {
            throw Refused.Value(
                request,
                $"offset {piece.Offset} + size {piece.Size}, must be inside {ConfigPayload.SpaceBytes} bytes");
        }
    }

    private void Fill(Span<byte> space)
    {
        VhostConfig config = host.Config;
        ushort status = config.LinkUp ? LinkUp : (ushort)0;
        space.Clear();
        if (Migrated is not null)
        {
            // But its link is the one that it has here.
            Migrated.CopyTo(space);
            BinaryPrimitives.WriteUInt16LittleEndian(space[StatusOffset..], status);
            return;
        }

        BinaryPrimitives.WriteUInt64LittleEndian(space, config.Mac);
        BinaryPrimitives.WriteUInt16LittleEndian(space[StatusOffset..], status);
        BinaryPrimitives.WriteUInt16LittleEndian(space[8..], config.QueuePairsMax);
        BinaryPrimitives.WriteUInt16LittleEndian(space[10..], config.Mtu);
        BinaryPrimitives.WriteUInt32LittleEndian(space[12..], SpeedUnknown);
        space[16] = DuplexUnknown;
    }
}
