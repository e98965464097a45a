using System.Buffers.Binary;

namespace Nf.DataPlane.Lab;

/// <summary>Frames that carry a number, and bytes that follow from it.</summary>
internal static class LabFrame
{
    /// <summary>Bytes of the shortest frame that can carry its number.</summary>
    internal const int BytesMin = 22;

    private const int NumberOffset = 14;

    internal static byte[] Make(ulong number, int length)
    {
        var frame = new byte[length];
        for (int i = 0; i < length; i++)
        {
            frame[i] = (byte)((number * 31) + (ulong)i);
        }

        if (length >= BytesMin)
        {
            BinaryPrimitives.WriteUInt64LittleEndian(frame.AsSpan(NumberOffset), number);
        }

        return frame;
    }

    internal static ulong NumberOf(byte[] frame) => BinaryPrimitives.ReadUInt64LittleEndian(frame.AsSpan(NumberOffset));

    internal static bool IsIntact(byte[] frame) => frame.AsSpan().SequenceEqual(Make(NumberOf(frame), frame.Length));
}
