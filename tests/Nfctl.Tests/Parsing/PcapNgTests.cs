using System.Buffers.Binary;
using Nf.Ctl.Parsing;

namespace Nf.Ctl.Tests.Parsing;

/// <summary>Captures of the next generation.</summary>
public class PcapNgTests
{
    private const uint Unknown = 0x0bad;

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void Capture_OfEitherByteOrder_GivesThePacketsOfEveryKindOfBlock(bool isBig)
    {
        byte[] file =
        [
            .. Section(isBig), .. Interface(isBig, snapBytes: 40), .. Block(Unknown, new byte[8], isBig),
            .. Enhanced(60, isBig), .. Obsolete(14, isBig), .. Simple(100, 40, isBig), .. Enhanced(0, isBig),
        ];

        Assert.Equal([60, 14, 40, 0], PcapFile.Parse(file, "f").Select(packet => packet.Length));
    }

    [Fact]
    public void Capture_OfSeveralSections_HasAnOrderAndInterfacesForEach()
    {
        byte[] file =
        [
            .. Section(false), .. Interface(false), .. Enhanced(21, false),
            .. Section(true), .. Interface(true, linkType: 113), .. Interface(true), .. Enhanced(22, true, id: 1),
        ];

        List<byte[]> packets = PcapFile.Parse(file, "f");

        Assert.Equal([21, 22], packets.Select(packet => packet.Length));
        Assert.All(packets, packet => Assert.All(packet, (value, at) => Assert.Equal((byte)at, value)));
    }

    public static TheoryData<string, byte[]> Damaged => new()
    {
        { "f is no capture file", Block(PcapNgFile.SectionHeader, new byte[16], false) },
        { "f has no packets", Section(false) },
        { "f is damaged behind packet 0", [.. Section(false), 1, 2, 3] },
        { "f is damaged behind packet 0", [.. Section(false), .. Enhanced(60, false)] },
        { "f is damaged behind packet 0", [.. Section(false), .. Interface(false), .. Enhanced(1, false, id: 1)] },
        { "f is damaged behind packet 0", [.. Section(false), .. Interface(false), .. Block(6, new byte[16], false)] },
        { "f is damaged behind packet 0", [.. Section(false), .. Simple(60, 60, false)] },
        { "f is damaged behind packet 0", [.. Section(false), .. Interface(false), .. Simple(61, 60, false)] },
        {
            "f is damaged behind packet 1",
            [.. Section(false), .. Interface(false), .. Enhanced(60, false), .. Enhanced(60, false)[..^4]]
        },
        { "f: packet 1 is of link type 113", [.. Section(true), .. Interface(true, 113), .. Enhanced(60, true)] },
    };

    [Theory]
    [MemberData(nameof(Damaged))]
    public void Capture_ThatContradictsItself_SaysWhat(string fault, byte[] file) => Assert.StartsWith(
        fault, Assert.Throws<FormatException>(() => PcapFile.Parse(file, "f")).Message, StringComparison.Ordinal);

    [Fact]
    public void Capture_OfAnyBytes_IsReadOrRefused()
    {
        var random = new Random(20261201);
        byte[] whole = [.. Section(false), .. Interface(false), .. Enhanced(60, false), .. Simple(9, 9, false)];
        for (int turn = 0; turn < 20_000; turn++)
        {
            byte[] file = whole[..random.Next(whole.Length + 1)];
            for (int change = random.Next(4); change > 0 && file.Length > 0; change--)
            {
                file[random.Next(file.Length)] = (byte)random.Next(256);
            }

            Exception? refusal = Record.Exception(() => PcapFile.Parse(file, "f"));
            Assert.True(refusal is null or FormatException, $"{refusal} of {Convert.ToHexString(file)}");
        }
    }

    private static byte[] Section(bool isBig) => Block(
        PcapNgFile.SectionHeader, [.. UInt32(0x1a2b3c4d, isBig), .. new byte[12]], isBig);

    private static byte[] Interface(bool isBig, ushort linkType = 1, uint snapBytes = 0) =>
        Block(1, [.. UInt16(linkType, isBig), 0, 0, .. UInt32(snapBytes, isBig)], isBig);

    private static byte[] Enhanced(uint bytes, bool isBig, uint id = 0) => Block(
        6, [.. UInt32(id, isBig), .. new byte[8], .. UInt32(bytes, isBig), .. UInt32(bytes, isBig), .. Data(bytes)],
        isBig);

    private static byte[] Obsolete(uint bytes, bool isBig) => Block(
        2, [.. new byte[12], .. UInt32(bytes, isBig), .. UInt32(bytes, isBig), .. Data(bytes)], isBig);

    private static byte[] Simple(uint wireBytes, uint bytes, bool isBig) =>
        Block(3, [.. UInt32(wireBytes, isBig), .. Data(bytes)], isBig);

    private static byte[] Data(uint bytes) =>
        [.. Enumerable.Range(0, (int)bytes).Select(i => (byte)i), .. new byte[(4 - (bytes % 4)) % 4]];

    private static byte[] Block(uint type, byte[] body, bool isBig)
    {
        byte[] length = UInt32((uint)body.Length + 12, isBig);
        return [.. UInt32(type, isBig), .. length, .. body, .. length];
    }

    private static byte[] UInt32(uint value, bool isBig)
    {
        byte[] bytes = new byte[4];
        BinaryPrimitives.WriteUInt32LittleEndian(bytes, isBig ? BinaryPrimitives.ReverseEndianness(value) : value);
        return bytes;
    }

    private static byte[] UInt16(ushort value, bool isBig)
    {
        byte[] bytes = new byte[2];
        BinaryPrimitives.WriteUInt16LittleEndian(bytes, isBig ? BinaryPrimitives.ReverseEndianness(value) : value);
        return bytes;
    }
}
