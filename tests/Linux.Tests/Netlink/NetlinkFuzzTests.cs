namespace Nf.Linux.Tests.Netlink;

/// <summary>
/// Changed bytes of real answers: the parsers answer with a value or InvalidDataException, nothing else.
/// </summary>
public class NetlinkFuzzTests
{
    private const int RoundCount = 20_000;

    // RTM_NEWLINK of one end of a veth pair with a generic XDP program, taken from a 6.18 kernel and cut to what is
    // parsed; written out by hand so that each part can be seen.
    private static readonly byte[] Link =
    [
        .. Message(Libc.RTM_NEWLINK,
        [
            0, 0, 1, 0, 7, 0, 0, 0, 0x43, 0x10, 1, 0, 0, 0, 0, 0,
            .. Attribute(Libc.IFLA_IFNAME, "veth0\0"u8),
            .. Attribute(Libc.IFLA_MTU, [0xdc, 5, 0, 0]),
            .. Attribute(Libc.IFLA_NUM_RX_QUEUES, [2, 0, 0, 0]),
            .. Attribute(Libc.IFLA_CARRIER, [1]),
            .. Attribute(Libc.IFLA_LINK, [8, 0, 0, 0]),
            .. Attribute(Libc.IFLA_ADDRESS, [2, 0, 0, 0, 0, 9]),
            .. Attribute(Libc.IFLA_LINKINFO, Attribute(Libc.IFLA_INFO_KIND, "veth\0"u8)),
            .. Attribute(
                Libc.IFLA_XDP,
                [.. Attribute(Libc.IFLA_XDP_ATTACHED, [2]), .. Attribute(Libc.IFLA_XDP_PROG_ID, [77, 0, 0, 0])]),
        ]),
    ];

    private static readonly byte[] Device =
    [
        1, 1, 0, 0,
        .. Attribute(LinuxNetdev.NETDEV_A_DEV_IFINDEX, [7, 0, 0, 0]),
        .. Attribute(LinuxNetdev.NETDEV_A_DEV_XDP_FEATURES, [0x2b, 0, 0, 0, 0, 0, 0, 0]),
        .. Attribute(LinuxNetdev.NETDEV_A_DEV_XDP_ZC_MAX_SEGS, [1, 0, 0, 0]),
        .. Attribute(LinuxNetdev.NETDEV_A_DEV_XSK_FEATURES, [3, 0, 0, 0]),
    ];

    private static readonly byte[] Queue =
    [
        10, 1, 0, 0,
        .. Attribute(LinuxNetdev.NETDEV_A_QUEUE_ID, [3, 0, 0, 0]),
        .. Attribute(LinuxNetdev.NETDEV_A_QUEUE_TYPE, [1, 0, 0, 0]),
        .. Attribute(LinuxNetdev.NETDEV_A_QUEUE_NAPI_ID, [0, 2, 0, 0]),
        .. Attribute(LinuxNetdev.NETDEV_A_QUEUE_XSK, []),
    ];

    [Fact]
    public void Parse_UnchangedLink_HasEveryField()
    {
        var events = new Queue<LinkEvent>();
        LinkMonitor.Parse(Link, events);
        LinkInfo link = Assert.Single(events).Link!;
        Assert.Equal(
            new LinkInfo
            {
                Ifindex = 7,
                Name = "veth0",
                Kind = "veth",
                MtuBytes = 1500,
                Flags = 0x11043,
                HasCarrier = true,
                RxQueueCount = 2,
                PeerIfindex = 8,
                XdpAttached = XdpAttached.Generic,
                XdpProgramId = 77,
                Address = "02:00:00:00:00:09",
            },
            link);
    }

    [Fact]
    public void Parse_UnchangedNetdevAnswers_HaveEveryField()
    {
        Assert.Equal(
            new NetdevFeatures(
                XdpFeatures.Basic | XdpFeatures.Redirect | XdpFeatures.XskZeroCopy | XdpFeatures.RxScatterGather,
                1,
                0,
                XskFeatures.TxTimestamp | XskFeatures.TxChecksum),
            NetdevParser.ParseDevice(Device));
        Assert.Equal(new NetdevQueue(3, true, 512, true), NetdevParser.ParseQueue(Queue));
    }

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    public void Parse_ChangedBytes_ValueOrInvalidData(int seed)
    {
        var random = new Random(seed);
        int refused = 0;
        for (int round = 0; round < RoundCount; round++)
        {
            refused += Survives(Mutate(random, Link), ParseLinks) ? 0 : 1;
            refused += Survives(Mutate(random, Device), bytes => NetdevParser.ParseDevice(bytes)) ? 0 : 1;
            refused += Survives(Mutate(random, Queue), bytes => NetdevParser.ParseQueue(bytes)) ? 0 : 1;
            refused += Survives(Mutate(random, Queue), bytes => NetdevParser.ParseFamilyId(bytes)) ? 0 : 1;
        }

        // Neither "accepts everything" nor "refuses everything" would prove anything.
        Assert.InRange(refused, RoundCount / 10, RoundCount * 39 / 10);
    }

    [Fact]
    public void Parse_EveryTruncation_ValueOrInvalidData()
    {
        for (int length = 0; length < Link.Length; length++)
        {
            Survives(Link[..length], ParseLinks);
        }

        for (int length = 0; length < Device.Length; length++)
        {
            Survives(Device[..length], bytes => NetdevParser.ParseDevice(bytes));
        }
    }

    [Fact]
    public void Parse_BridgePortMessage_IsNotTakenForTheDeviceItself()
    {
        byte[] bytes = [.. Link];
        const int HeaderBytes = 16;
        bytes[HeaderBytes] = 7; // ifi_family AF_BRIDGE
        var events = new Queue<LinkEvent>();
        LinkMonitor.Parse(bytes, events);
        Assert.Empty(events);
    }

    private static void ParseLinks(byte[] bytes) => LinkMonitor.Parse(bytes, new Queue<LinkEvent>());

    private static bool Survives(byte[] bytes, Action<byte[]> parse)
    {
        try
        {
            parse(bytes);
            return true;
        }
        catch (InvalidDataException)
        {
            return false;
        }
    }

    private static byte[] Mutate(Random random, byte[] original)
    {
        byte[] bytes = [.. original];
        for (int change = random.Next(1, 5); change > 0; change--)
        {
            int at = random.Next(bytes.Length);
            bytes[at] = random.Next(3) switch
            {
                0 => (byte)random.Next(256),
                1 => (byte)(bytes[at] ^ (1 << random.Next(8))),
                _ => (byte)(random.Next(2) * 255),
            };
        }

        return random.Next(4) == 0 ? bytes[..random.Next(bytes.Length + 1)] : bytes;
    }

    private static byte[] Message(ushort type, byte[] payload)
    {
        byte[] bytes = [.. new NetlinkRequest(type, 0).Finish(0), .. payload];
        BitConverter.TryWriteBytes(bytes, bytes.Length);
        return bytes;
    }

    private static byte[] Attribute(int type, ReadOnlySpan<byte> value)
    {
        int length = 4 + value.Length;
        byte[] bytes = new byte[NetlinkAttributes.Align(length)];
        BitConverter.TryWriteBytes(bytes, (ushort)length);
        BitConverter.TryWriteBytes(bytes.AsSpan(2), (ushort)type);
        value.CopyTo(bytes.AsSpan(4));
        return bytes;
    }
}
