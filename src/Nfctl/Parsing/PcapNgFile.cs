using System.Buffers.Binary;

namespace Nf.Ctl.Parsing;

/// <summary>Capture files of the next generation (draft-ietf-opsawg-pcapng), as Wireshark writes them.</summary>
internal static class PcapNgFile
{
    /// <summary>The type of a section header block, which every file begins with; the same in either byte
    /// order.</summary>
    internal const uint SectionHeader = 0x0a0d0d0a;

    private const uint ByteOrderMagic = 0x1a2b3c4d;
    private const uint InterfaceDescription = 1;
    private const uint ObsoletePacket = 2;
    private const uint SimplePacket = 3;
    private const uint EnhancedPacket = 6;

    // Type and length before a block's body, the length again behind it.
    private const int LeadBytes = 8;
    private const int TrailBytes = 4;
    private const int BlockBytesMin = LeadBytes + TrailBytes;

    private const int PacketHeaderBytes = 20; // of both kinds that tell an interface
    private const int CapturedOffset = 12;
    private const int SimpleHeaderBytes = 4;
    private const ushort Ethernet = 1;

    /// <summary>The packets of a capture, of all its sections and interfaces.</summary>
    /// <param name="file">Its bytes.</param>
    /// <param name="name">Of the file, for errors.</param>
    /// <exception cref="FormatException">It breaks off, contradicts itself, or is not of Ethernet.</exception>
    internal static List<byte[]> Parse(ReadOnlySpan<byte> file, string name)
    {
        List<byte[]> packets = [];
        List<(ushort LinkType, uint SnapBytes)> interfaces = [];
        bool isBig = false;
        while (file.Length > 0)
        {
            if (file.Length < BlockBytesMin)
            {
                throw BreaksOff(name, packets.Count);
            }

            uint type = UInt32(file, isBig);
            if (type == SectionHeader)
            {
                isBig = OrderOf(file[LeadBytes..], name);
                interfaces.Clear();
            }

            uint length = UInt32(file[sizeof(uint)..], isBig);
            if (length < BlockBytesMin || length % sizeof(uint) != 0 || length > file.Length)
            {
                throw BreaksOff(name, packets.Count);
            }

            ReadOnlySpan<byte> body = file[LeadBytes..((int)length - TrailBytes)];
            file = file[(int)length..];
            switch (type)
            {
                case InterfaceDescription when body.Length >= LeadBytes:
                    interfaces.Add((UInt16(body, isBig), UInt32(body[sizeof(uint)..], isBig)));
                    break;
                case EnhancedPacket or ObsoletePacket when body.Length >= PacketHeaderBytes:
                    uint id = type == EnhancedPacket ? UInt32(body, isBig) : UInt16(body, isBig);
                    uint captured = UInt32(body[CapturedOffset..], isBig);
                    Add(packets, interfaces, id, captured, body[PacketHeaderBytes..], name);
                    break;
                case SimplePacket when body.Length >= SimpleHeaderBytes && interfaces is [(_, var snap), ..]:
                    // It tells how long the packet was; what of it was captured ends at the interface's limit.
                    uint wire = UInt32(body, isBig);
                    wire = snap == 0 ? wire : Math.Min(wire, snap);
                    Add(packets, interfaces, 0, wire, body[SimpleHeaderBytes..], name);
                    break;
                case InterfaceDescription or EnhancedPacket or ObsoletePacket or SimplePacket:
                    throw BreaksOff(name, packets.Count);
            }
        }

        return packets.Count > 0 ? packets : throw new FormatException($"{name} has no packets");
    }

    private static void Add(
        List<byte[]> packets, List<(ushort LinkType, uint SnapBytes)> interfaces, uint id, uint captured,
        ReadOnlySpan<byte> bytes, string name)
    {
        if (id >= interfaces.Count || captured > bytes.Length)
        {
            throw BreaksOff(name, packets.Count);
        }

        if (interfaces[(int)id].LinkType is not Ethernet and var linkType)
        {
            throw new FormatException(
                $"{name}: packet {packets.Count + 1} is of link type {linkType}, not of Ethernet");
        }

        packets.Add(bytes[..(int)captured].ToArray());
    }

    private static bool OrderOf(ReadOnlySpan<byte> body, string name) =>
        BinaryPrimitives.ReadUInt32LittleEndian(body) switch
        {
            ByteOrderMagic => false,
            var magic when BinaryPrimitives.ReverseEndianness(magic) == ByteOrderMagic => true,
            _ => throw new FormatException($"{name} is no capture file"),
        };

    private static FormatException BreaksOff(string name, int packets) =>
        new($"{name} is damaged behind packet {packets}: a block is shorter than it says");

    private static ushort UInt16(ReadOnlySpan<byte> bytes, bool isBig) =>
        isBig ? BinaryPrimitives.ReadUInt16BigEndian(bytes) : BinaryPrimitives.ReadUInt16LittleEndian(bytes);

    private static uint UInt32(ReadOnlySpan<byte> bytes, bool isBig) =>
        isBig ? BinaryPrimitives.ReadUInt32BigEndian(bytes) : BinaryPrimitives.ReadUInt32LittleEndian(bytes);
}
