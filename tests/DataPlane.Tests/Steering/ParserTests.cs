using Nf.DataPlane.Cpumaps;

namespace Nf.DataPlane.Tests.Steering;

/// <summary>The parser in C and the one in C# say the same of every frame; and what they say is right.</summary>
public sealed class ParserTests : IDisposable
{
    private const int LengthMin = 14;
    private const int LengthMax = 128;

    // A frame takes about 2 µs. NF_STEER_PACKETS asks for another number.
    private static readonly int SpoiledCount =
        int.TryParse(Environment.GetEnvironmentVariable("NF_STEER_PACKETS"), out int asked) ? asked : 1_000_000;

    private readonly FlowProbe _probe = new();

    public void Dispose() => _probe.Dispose();

    [Fact]
    [Trait("Tier", "kernel")]
    public void Frames_OfEveryLength_AreReadAlike()
    {
        var maker = new PacketMaker(1);
        for (int round = 0; round < 300; round++)
        {
            byte[] frame = maker.Make();
            byte[] padded = new byte[LengthMax];
            frame.AsSpan(0, Math.Min(frame.Length, LengthMax)).CopyTo(padded);
            for (int length = LengthMin; length <= LengthMax; length++)
            {
                _probe.AssertAgrees(padded.AsSpan(0, length));
            }
        }
    }

    [Fact]
    [Trait("Tier", "kernel")]
    public void Frames_AMillionSpoiled_AreReadAlike()
    {
        var maker = new PacketMaker(2);
        for (int i = 0; i < SpoiledCount; i++)
        {
            _probe.AssertAgrees(maker.MakeSpoiled());
        }
    }

    public static TheoryData<string, string, uint[]> Frames => new()
    {
        // ethertype, VLAN, version, protocol, source port, destination port, state
        { "TCP", Eth + "0800" + Ip4("4000", "06") + "01bb0050", [0x800, 4096, 4, 6, 443, 80, 0] },
        { "TCP in a VLAN", Eth + "8100a064" + "0800" + Ip4("0000", "06") + "01bb0050", [0x800, 100, 4, 6, 443, 80, 0] },
        {
            "four tags, the outermost counts",
            Eth + "88a80001" + "81000002" + "81000003" + "81000004" + "0800" + Ip4("0000", "11") + "00350036",
            [0x800, 1, 4, 17, 53, 54, 0]
        },
        {
            "five tags are not looked through",
            Eth + "81000001" + "81000002" + "81000003" + "81000004" + "81000005" + "0800" + Ip4("0000", "11"),
            [0x8100, 1, 0, 256, 65536, 65536, 0]
        },
        { "first fragment has ports", Eth + "0800" + Ip4("2000", "11") + "00350036", [0x800, 4096, 4, 17, 53, 54, 1] },
        {
            "later fragment has none", Eth + "0800" + Ip4("0001", "11") + "00350036",
            [0x800, 4096, 4, 17, 65536, 65536, 1]
        },
        { "DHCP is management", Eth + "0800" + Ip4("0000", "11") + "00440043", [0x800, 4096, 4, 17, 68, 67, 2] },
        { "BFD is management", Eth + "0800" + Ip4("0000", "11") + "c0000ec8", [0x800, 4096, 4, 17, 49152, 3784, 2] },
        { "ARP is management", Eth + "0806", [0x806, 4096, 0, 256, 65536, 65536, 2] },
        { "LLDP in a VLAN is management", Eth + "81000001" + "88cc", [0x88cc, 1, 0, 256, 65536, 65536, 2] },
        {
            "neighbour solicitation is management", Eth + "86dd" + Ip6("3a") + "87",
            [0x86dd, 4096, 6, 58, 65536, 65536, 2]
        },
        { "echo request is not", Eth + "86dd" + Ip6("3a") + "80", [0x86dd, 4096, 6, 58, 65536, 65536, 0] },
        {
            "UDP behind hop-by-hop and options",
            Eth + "86dd" + Ip6("00") + "3c00000000000000" + "1100000000000000" + "00350036",
            [0x86dd, 4096, 6, 17, 53, 54, 0]
        },
        {
            "UDP in a later fragment", Eth + "86dd" + Ip6("2c") + "1100000900000000" + "00350036",
            [0x86dd, 4096, 6, 17, 65536, 65536, 1]
        },
        { "truncated IPv4", Eth + "0800" + Ip4("0000", "06")[..^2], [0x800, 4096, 0, 256, 65536, 65536, 0] },
        {
            "TCP without room for ports", Eth + "0800" + Ip4("0000", "06") + "01bb00",
            [0x800, 4096, 4, 6, 65536, 65536, 0]
        },
        {
            "extension header beyond the frame", Eth + "86dd" + Ip6("00") + "3c01000000000000",
            [0x86dd, 4096, 6, 256, 65536, 65536, 0]
        },
    };

    [Theory]
    [Trait("Tier", "kernel")]
    [MemberData(nameof(Frames))]
    public void Frame_OfAKind_IsReadAsWhatItIs(string what, string hex, uint[] expected)
    {
        byte[] frame = Convert.FromHexString(hex);
        FlowParser.Parse(frame, frame.Length, out Flow flow);

        uint[] words =
        [
            flow[FlowField.Ethertype], flow[FlowField.Vlan], flow[FlowField.Version], flow[FlowField.Protocol],
            flow[FlowField.SourcePort], flow[FlowField.DestinationPort], flow[FlowField.State],
        ];
        Assert.True(words.SequenceEqual(expected), $"{what}: {string.Join(", ", words)}");
        _probe.AssertAgrees(frame);
    }

    private const string Eth = "020000000001" + "020000000002";

    private static string Ip4(string fragment, string protocol) =>
        "45000000" + "0000" + fragment + "40" + protocol + "0000" + "0a000001" + "0a000002";

    private static string Ip6(string next) =>
        "60000000" + "0000" + next + "40" + "20010db8000000000000000000000001" + "20010db8000000000000000000000002";
}
