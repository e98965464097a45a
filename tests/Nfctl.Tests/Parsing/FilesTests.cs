using System.Buffers.Binary;
using Nf.Ctl.Parsing;

namespace Nf.Ctl.Tests.Parsing;

/// <summary>Prefix tables and captures.</summary>
public class FilesTests
{
    [Fact]
    public void Prefixes_OfAFile_AreTakenInOrder()
    {
        var prefixes = PrefixFile.Parse(
            "# CPUs of customers\n10.0.0.0/8 3\r\n\n2001:db8::/32\t1 # v6\n192.0.2.7, 2\n2001:db8::9;0", "f");

        Assert.Equal(
            [("10.0.0.0/8", 3u), ("2001:db8::/32", 1u), ("192.0.2.7/32", 2u), ("2001:db8::9/128", 0u)],
            prefixes.Select(p => (p.Prefix, p.Cpu)));
    }

    [Theory]
    [InlineData("10.0.0.0/8", "f:1: '10.0.0.0/8' is not a prefix and a CPU")]
    [InlineData("10.0.0.0/8 1\n10.0.0.0/8 x", "f:2: '10.0.0.0/8 x' is not a prefix and a CPU")]
    [InlineData("10.0.0.0/8 1 2", "f:1: ")]
    [InlineData("# nothing", "f has no prefixes")]
    public void Prefixes_OfSomethingElse_SayWhere(string text, string fault) => Assert.StartsWith(
        fault, Assert.Throws<FormatException>(() => PrefixFile.Parse(text, "f")).Message, StringComparison.Ordinal);

    [Theory]
    [InlineData(0xa1b2c3d4, false)]
    [InlineData(0xa1b2c3d4, true)]
    [InlineData(0xa1b23c4d, false)]
    [InlineData(0xa1b23c4d, true)]
    public void Pcap_OfEitherByteOrder_GivesItsPackets(uint magic, bool isBig)
    {
        byte[] file = [.. Header(magic, isBig), .. Record(60, isBig), .. Record(14, isBig), .. Record(0, isBig)];

        Assert.Equal([60, 14, 0], PcapFile.Parse(file, "f").Select(packet => packet.Length));
    }

    public static TheoryData<string, byte[]> NoCaptures => new()
    {
        { "f is no capture file", [] },
        { "f is no capture file", new byte[100] },
        { "f is a capture of link type 113", Header(0xa1b2c3d4, isBig: false, linkType: 113) },
        { "f has no packets", Header(0xa1b2c3d4, isBig: false) },
        { "f ends in the middle of packet 1", [.. Header(0xa1b2c3d4, isBig: false), 1, 2, 3] },
        {
            "f ends in the middle of packet 2",
            [.. Header(0xa1b2c3d4, isBig: false), .. Record(60, isBig: false), .. Record(60, isBig: false)[..^1]]
        },
        {
            "f ends in the middle of packet 1",
            [.. Header(0xa1b2c3d4, isBig: false), .. Enumerable.Repeat((byte)0xff, 100)]
        },
    };

    [Theory]
    [MemberData(nameof(NoCaptures))]
    public void Pcap_OfSomethingElse_SaysWhat(string fault, byte[] file) => Assert.StartsWith(
        fault, Assert.Throws<FormatException>(() => PcapFile.Parse(file, "f")).Message, StringComparison.Ordinal);

    [Theory]
    [InlineData("ffFF 00:11\n22", new byte[] { 0xff, 0xff, 0x00, 0x11, 0x22 })]
    [InlineData("", new byte[0])]
    public void Hex_AsDumpsShowIt_IsRead(string text, byte[] bytes) => Assert.Equal(bytes, HexPacket.Parse(text));

    private static byte[] Header(uint magic, bool isBig, uint linkType = 1)
    {
        byte[] header = new byte[24];
        Write(header, magic, isBig);
        Write(header.AsSpan(20), linkType, isBig);
        return header;
    }

    private static byte[] Record(int bytes, bool isBig)
    {
        byte[] record = new byte[16 + bytes];
        Write(record.AsSpan(8), (uint)bytes, isBig);
        return record;
    }

    private static void Write(Span<byte> to, uint value, bool isBig)
    {
        if (isBig)
        {
            BinaryPrimitives.WriteUInt32BigEndian(to, value);
        }
        else
        {
            BinaryPrimitives.WriteUInt32LittleEndian(to, value);
        }
    }
}
