using System.Buffers.Binary;

namespace Nf.Ctl.Parsing;

/// <summary>Capture files of libpcap (draft-ietf-opsawg-pcap), as <c>tcpdump -w</c> writes them, and their
/// successors.</summary>
internal static class PcapFile
{
    private const uint MagicMicroseconds = 0xa1b2c3d4;
    private const uint MagicNanoseconds = 0xa1b23c4d;
    private const int HeaderBytes = 24;
    private const int RecordHeaderBytes = 16;
    private const int LinkTypeOffset = 20;
    private const int CapturedOffset = 8;
    private const uint Ethernet = 1;
    private const uint LinkTypeMask = 0x03ffffff; // the rest tells of frame check sequences

    /// <summary>The packets of a file.</summary>
    /// <exception cref="FormatException">It cannot be read, or is no capture of Ethernet.</exception>
    internal static List<byte[]> Read(string path) => Parse(Files.ReadBytes(path), path);

    /// <summary>The packets of a capture.</summary>
    /// <param name="file">Its bytes.</param>
    /// <param name="name">Of the file, for errors.</param>
    internal static List<byte[]> Parse(ReadOnlySpan<byte> file, string name)
    {
        if (file.Length < HeaderBytes)
        {
            throw new FormatException($"{name} is no capture file");
        }

        uint magic = BinaryPrimitives.ReadUInt32LittleEndian(file);
        bool isBig = BinaryPrimitives.ReverseEndianness(magic) is MagicMicroseconds or MagicNanoseconds;
        if (magic == PcapNgFile.SectionHeader)
        {
            return PcapNgFile.Parse(file, name);
        }

        if (!isBig && magic is not (MagicMicroseconds or MagicNanoseconds))
        {
            throw new FormatException($"{name} is no capture file");
        }

        uint linkType = ReadUInt32(file[LinkTypeOffset..], isBig) & LinkTypeMask;
        return linkType == Ethernet
            ? ReadRecords(file[HeaderBytes..], isBig, name)
            : throw new FormatException($"{name} is a capture of link type {linkType}, not of Ethernet");
    }

    private static List<byte[]> ReadRecords(ReadOnlySpan<byte> rest, bool isBig, string name)
    {
        List<byte[]> packets = [];
        while (rest.Length > 0)
        {
            uint captured = rest.Length < RecordHeaderBytes ? uint.MaxValue : ReadUInt32(rest[CapturedOffset..], isBig);
            if (captured > rest.Length - RecordHeaderBytes)
            {
                throw new FormatException($"{name} ends in the middle of packet {packets.Count + 1}");
            }

            packets.Add(rest.Slice(RecordHeaderBytes, (int)captured).ToArray());
            rest = rest[(RecordHeaderBytes + (int)captured)..];
        }

        return packets.Count > 0 ? packets : throw new FormatException($"{name} has no packets");
    }

    private static uint ReadUInt32(ReadOnlySpan<byte> bytes, bool isBig) =>
        isBig ? BinaryPrimitives.ReadUInt32BigEndian(bytes) : BinaryPrimitives.ReadUInt32LittleEndian(bytes);
}
