using System.Buffers.Binary;
using System.Text;

namespace Nf.SharedMemory.Store;

/// <summary>
/// Turns packets of the store socket into values and back. Pure: no socket, no descriptors, no state.
/// </summary>
/// <remarks>
/// One message is one SEQPACKET packet; numbers are little-endian.
/// <code>
/// offset  bytes  field
///      0      4  magic and version, 0x314B464E ("NFK1" read as bytes)
///      4      2  type, see StoreMessageType
///      6      2  key length K, at most 128
///      8      4  metadata length M, at most 32768
///     12      4  sequence
///     16      K  key, UTF-8 without control characters
///   16+K      M  metadata
/// </code>
/// The packet ends there: 16 + K + M is its whole length. At most 16 descriptors travel beside it.
/// </remarks>
public static class StoreCodec
{
    /// <summary>Bytes before the key.</summary>
    public const int HeaderBytes = 16;

    /// <summary>Longest key in bytes; an arbitrary limit.</summary>
    public const int KeyBytesMax = 128;

    /// <summary>
    /// Longest metadata in bytes; an arbitrary limit, well below the default socket buffer of 208 KiB.
    /// </summary>
    public const int MetadataBytesMax = 32 * 1024;

    /// <summary>Most descriptors beside a message; an arbitrary limit below the kernel's 253.</summary>
    public const int DescriptorCountMax = 16;

    /// <summary>Longest reason of a refusal in bytes.</summary>
    public const int ReasonBytesMax = 1024;

    /// <summary>Longest packet.</summary>
    public const int MessageBytesMax = HeaderBytes + KeyBytesMax + MetadataBytesMax;

    /// <summary>The first four bytes. Another layout gets another digit.</summary>
    public const uint Magic = 0x314B464E;

    private static readonly UTF8Encoding Utf8 = new(encoderShouldEmitUTF8Identifier: false, throwOnInvalidBytes: true);

    /// <summary>Reads a packet.</summary>
    /// <param name="packet">All of it.</param>
    /// <param name="descriptorCount">How many descriptors came with it.</param>
    /// <exception cref="StoreException">
    /// The packet breaks the layout or the rules of its type; the message says how.
    /// </exception>
    public static StoreMessage Parse(ReadOnlySpan<byte> packet, int descriptorCount)
    {
        if (packet.Length is < HeaderBytes or > MessageBytesMax)
        {
            throw new StoreException(
                $"store packet has {packet.Length} bytes, the rule is {HeaderBytes} to {MessageBytesMax}");
        }

        uint magic = BinaryPrimitives.ReadUInt32LittleEndian(packet);
        if (magic != Magic)
        {
            throw new StoreException($"store packet begins with 0x{magic:x8}, the rule is 0x{Magic:x8}");
        }

        var type = (StoreMessageType)BinaryPrimitives.ReadUInt16LittleEndian(packet[4..]);
        int keyBytes = BinaryPrimitives.ReadUInt16LittleEndian(packet[6..]);
        uint metadataBytes = BinaryPrimitives.ReadUInt32LittleEndian(packet[8..]);
        uint sequence = BinaryPrimitives.ReadUInt32LittleEndian(packet[12..]);
        StoreMessageRule rule = StoreMessageRule.For(type);
        rule.Check(keyBytes, metadataBytes, sequence, descriptorCount);

        // Both lengths are within their limits by now, so the sum cannot overflow.
        int length = HeaderBytes + keyBytes + (int)metadataBytes;
        if (packet.Length != length)
        {
            throw new StoreException($"store packet {type} has {packet.Length} bytes, its lengths say {length}");
        }

        string key = ReadText(packet.Slice(HeaderBytes, keyBytes), $"key of {type}");
        return new StoreMessage(type, sequence, key, packet[(HeaderBytes + keyBytes)..]);
    }

    /// <summary>Writes a packet and returns its length.</summary>
    /// <param name="buffer">Of at least <see cref="MessageBytesMax"/> bytes.</param>
    /// <param name="type">What it says.</param>
    /// <param name="sequence">Not zero for PUT and DROP; that of the request in an answer; else zero.</param>
    /// <param name="key">Of the entry, or empty.</param>
    /// <param name="metadata">Of the entry, or the fixed fields of the type.</param>
    /// <param name="descriptorCount">How many descriptors will go with it.</param>
    /// <exception cref="StoreException">The message would break a rule of its type.</exception>
    public static int Write(
        Span<byte> buffer,
        StoreMessageType type,
        uint sequence,
        string key,
        ReadOnlySpan<byte> metadata,
        int descriptorCount)
    {
        ArgumentNullException.ThrowIfNull(key);
        int keyBytes = Utf8.GetByteCount(key);
        StoreMessageRule.For(type).Check(keyBytes, (uint)metadata.Length, sequence, descriptorCount);
        CheckText(key, $"key of {type}");

        BinaryPrimitives.WriteUInt32LittleEndian(buffer, Magic);
        BinaryPrimitives.WriteUInt16LittleEndian(buffer[4..], (ushort)type);
        BinaryPrimitives.WriteUInt16LittleEndian(buffer[6..], (ushort)keyBytes);
        BinaryPrimitives.WriteUInt32LittleEndian(buffer[8..], (uint)metadata.Length);
        BinaryPrimitives.WriteUInt32LittleEndian(buffer[12..], sequence);
        Utf8.GetBytes(key, buffer[HeaderBytes..]);
        metadata.CopyTo(buffer[(HeaderBytes + keyBytes)..]);
        return HeaderBytes + keyBytes + metadata.Length;
    }

    /// <summary>The reason in a NAK.</summary>
    public static string ReadReason(StoreMessage message) => ReadText(message.Metadata, "reason");

    /// <summary>A reason as the metadata of a NAK, cut to its limit.</summary>
    public static byte[] WriteReason(string reason)
    {
        ArgumentNullException.ThrowIfNull(reason);

        // A char becomes at most three bytes.
        return Encoding.UTF8.GetBytes(reason.Length <= ReasonBytesMax / 3 ? reason : reason[..(ReasonBytesMax / 3)]);
    }

    private static string ReadText(ReadOnlySpan<byte> bytes, string what)
    {
        try
        {
            string text = Utf8.GetString(bytes);
            CheckText(text, what);
            return text;
        }
        catch (DecoderFallbackException)
        {
            throw new StoreException($"{what} is not UTF-8");
        }
    }

    private static void CheckText(string text, string what)
    {
        foreach (char letter in text)
        {
            if (char.IsControl(letter))
            {
                throw new StoreException($"{what} has the control character U+{(int)letter:X4}");
            }
        }
    }
}
