using System.Buffers.Binary;

namespace Nf.EndToEnd.Tests.Support.Guests;

/// <summary>Files of packets in the format of libpcap, which testpmd's net_pcap reads and writes.</summary>
internal static class PacketFile
{
    private const int HeaderBytes = 24, RecordBytes = 16;
    private const uint Magic = 0xa1b2c3d4, LinkEthernet = 1, LongestPacket = 65535;

    private const int NumberOffset = 14;

    /// <summary>Writes frames of 60 bytes and more with random content; the same ones for the same seed.</summary>
    internal static void Write(string path, int count, int seed, int longestBytes = 1514)
    {
        var random = new Random(seed);
        using FileStream file = File.Create(path);
        Span<byte> header = stackalloc byte[HeaderBytes];
        header.Clear();
        BinaryPrimitives.WriteUInt32LittleEndian(header, Magic);
        BinaryPrimitives.WriteUInt16LittleEndian(header[4..], 2);
        BinaryPrimitives.WriteUInt16LittleEndian(header[6..], 4);
        BinaryPrimitives.WriteUInt32LittleEndian(header[16..], LongestPacket);
        BinaryPrimitives.WriteUInt32LittleEndian(header[20..], LinkEthernet);
        file.Write(header);
        byte[] frame = new byte[longestBytes];
        for (int i = 0; i < count; i++)
        {
            int length = random.Next(60, longestBytes + 1);
            random.NextBytes(frame.AsSpan(0, length));
            // Neither broadcast nor a protocol that anyone would look into.
            ((ReadOnlySpan<byte>)[0x02, 0x4e, 0x46, 0, 0, 2, 0x02, 0x4e, 0x46, 0, 0, 1, 0x88, 0xb5]).CopyTo(frame);
            BinaryPrimitives.WriteInt32BigEndian(frame.AsSpan(NumberOffset), i);
            Span<byte> record = header[..RecordBytes];
            record.Clear();
            BinaryPrimitives.WriteInt32LittleEndian(record[8..], length);
            BinaryPrimitives.WriteInt32LittleEndian(record[12..], length);
            file.Write(record);
            file.Write(frame.AsSpan(0, length));
        }
    }

    /// <summary>Which frame of its file this is.</summary>
    internal static int NumberOf(byte[] frame) => BinaryPrimitives.ReadInt32BigEndian(frame.AsSpan(NumberOffset));

    /// <summary>The frames of a file.</summary>
    internal static IReadOnlyList<byte[]> Read(string path)
    {
        byte[] file = File.ReadAllBytes(path);
        var frames = new List<byte[]>();
        for (int at = HeaderBytes; at + RecordBytes <= file.Length;)
        {
            int length = BinaryPrimitives.ReadInt32LittleEndian(file.AsSpan(at + 8));
            frames.Add(file.AsSpan(at + RecordBytes, length).ToArray());
            at += RecordBytes + length;
        }

        return frames;
    }
}
