using Nf.DataPlane.Cpumaps;
using Nf.Linux;
using static Nf.Linux.ClassicBpf;

namespace Nf.DataPlane.Tests.Cpumaps;

// The compiler of filters against a plain interpreter, and against libpcap's.
public unsafe class FilterCompilerTests
{
    private static readonly string[] s_expressions =
    [
        "", "ip", "ip6", "arp", "tcp", "udp port 53", "tcp dst port 80", "host 10.0.0.1", "net 192.168.0.0/16",
        "src net 10.0.0.0/8 and not dst net 10.1.0.0/16", "vlan 100", "vlan and ip", "vlan 5 and udp portrange 1-1023",
        "icmp or icmp6", "ether host 02:00:00:00:00:01", "ether proto 0x88cc", "less 100", "greater 200",
        "tcp[tcpflags] & (tcp-syn|tcp-fin) != 0", "ip[8] < 5 and ip[6:2] & 0x1fff = 0", "ip6 host 2001:db8::1",
        "tcp[((tcp[12] & 0xf0) >> 2):4] = 0x47455420", "len / 3 > 20", "len - 4 = 60", "ip[0] % 7 = 3",
        "ether[0] & 1 = 1", "ether[6:4] * 3 > 1000000", "(ip[2:2] << 3) ^ 5 | 1 > 100", "sctp port 1 or port 2",
    ];

    [Fact]
    public void Expressions_OverMutatedPackets_AgreeWithLibpcapAndTheInterpreter()
    {
        var random = new Random(4);
        foreach (string expression in s_expressions)
        {
            PcapFilter filter = PcapFilter.Compile(expression);
            FilterProgram program = FilterCompiler.Compile([filter.Code.ToArray()]);
            int matches = 0;
            for (int i = 0; i < 20_000; i++)
            {
                byte[] packet = PacketMaker.Next(random);
                bool expected = ClassicInterpreter.Matches(filter.Code, packet);
                Assert.Equal(filter.Matches(packet), expected);
                Assert.True(expected == (Run(program, packet) == 0), $"{expression}: {Convert.ToHexString(packet)}");
                matches += expected ? 1 : 0;
            }

            Assert.True(matches != 0, $"{expression} never matched: nothing was tried");
        }
    }

    [Fact]
    public void RandomPrograms_OverRandomPackets_AgreeWithTheInterpreter()
    {
        var random = new Random(5);
        int matches = 0;
        for (int i = 0; i < 3_000; i++)
        {
            ClassicInstruction[] code = RandomCode(random, random.Next(1, 40));
            FilterProgram program = FilterCompiler.Compile([code]);
            for (int j = 0; j < 100; j++)
            {
                byte[] packet = new byte[random.Next(80)];
                random.NextBytes(packet);
                bool expected = ClassicInterpreter.Matches(code, packet);
                Assert.True(expected == (Run(program, packet) == 0), $"{string.Join("\n", code)}");
                matches += expected ? 1 : 0;
            }
        }

        Assert.InRange(matches, 20_000, 280_000);
    }

    [Fact]
    public void Steps_FirstThatMatches_Decides()
    {
        ReadOnlyMemory<ClassicInstruction> arp = PcapFilter.Compile("arp").Code.ToArray();
        ReadOnlyMemory<ClassicInstruction> tcp = PcapFilter.Compile("tcp").Code.ToArray();
        ReadOnlyMemory<ClassicInstruction> ip = PcapFilter.Compile("ip").Code.ToArray();
        FilterProgram program = FilterCompiler.Compile([arp, tcp, ip]);
        byte[] packet = new byte[60];
        Assert.Equal(-1, Run(program, packet));
        (packet[12], packet[13]) = (8, 6);
        Assert.Equal(0, Run(program, packet));
        (packet[12], packet[13], packet[14], packet[23]) = (8, 0, 0x45, 6);
        Assert.Equal(1, Run(program, packet));
        packet[23] = 17;
        Assert.Equal(2, Run(program, packet));
        Assert.Equal(1, Run(FilterCompiler.Compile([arp, default, ip]), packet));
        Assert.Equal(-1, Run(FilterCompiler.Compile([]), packet));
    }

    // What one filter left in A, X and memory is not there for the next.
    [Fact]
    public void Steps_EachBeginsWithNothing()
    {
        ClassicInstruction[] leaves =
        [
            new(ClassLoadA | ModeImmediate, 0, 0, 7), new(ClassStoreA, 0, 0, 3),
            new(ClassLoadX | ModeImmediate, 0, 0, 7), new(ClassReturn, 0, 0, 0),
        ];
        ClassicInstruction[] looks =
        [
            new(ClassAlu | AluOr | SourceX, 0, 0, 0), new(ClassLoadX | ModeMemory, 0, 0, 3),
            new(ClassAlu | AluOr | SourceX, 0, 0, 0), new(ClassReturn | ReturnA, 0, 0, 0),
        ];
        Assert.Equal(-1, Run(FilterCompiler.Compile([leaves, looks]), new byte[60]));
    }

    public static TheoryData<string, ClassicInstruction[]> Bad => new()
    {
        { "leads out of the filter", [new(ClassLoadA | ModeLength, 0, 0, 0)] },
        { "leads out of the filter", [new(ClassJump, 0, 0, 1), new(ClassReturn, 0, 0, 0)] },
        { "leads out of the filter", [new(ClassJump, 0, 0, uint.MaxValue), new(ClassReturn, 0, 0, 0)] },
        {
            "leads out of the filter",
            [new(ClassJump | JumpEqual, 0, 1, 0), new(ClassReturn, 0, 0, 0)]
        },
        { "no instruction 0x0002 with operand 16", [new(ClassStoreA, 0, 0, 16), new(ClassReturn, 0, 0, 0)] },
        { "no instruction 0x0038", [new(ClassLoadA | ModeAbsolute | 0x18, 0, 0, 0), new(ClassReturn, 0, 0, 0)] },
        { "no instruction 0x00c0", [new(0xc0, 0, 0, 0), new(ClassReturn, 0, 0, 0)] },
        { "no instruction 0x00f4", [new(0xf4, 0, 0, 0), new(ClassReturn, 0, 0, 0)] },
        { "no instruction 0x0055", [new(0x55, 0, 0, 0), new(ClassReturn, 0, 0, 0)] },
    };

    [Theory]
    [MemberData(nameof(Bad))]
    public void Compile_WhatIsNoFilter_IsRefused(string expected, ClassicInstruction[] code)
    {
        FormatException refusal = Assert.Throws<FormatException>(() => FilterCompiler.Compile([code]));
        Assert.Contains(expected, refusal.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Compile_TooLong_IsRefused()
    {
        ClassicInstruction[] code = new ClassicInstruction[FilterCompiler.InstructionsMax + 1];
        Assert.Throws<FormatException>(() => FilterCompiler.Compile([code]));
    }

    private static int Run(FilterProgram program, byte[] packet)
    {
        // An exact copy with a guard on neither side: what reads beyond it would be seen by the comparison only, so
        // the bytes behind are others than those in front.
        byte* copy = stackalloc byte[packet.Length + 8];
        new Span<byte>(copy, packet.Length + 8).Fill(0xa5);
        packet.CopyTo(new Span<byte>(copy, packet.Length));
        return program(copy, (uint)packet.Length);
    }

    private static ClassicInstruction[] RandomCode(Random random, int count)
    {
        var code = new ClassicInstruction[count + 1];
        for (int i = 0; i < count; i++)
        {
            code[i] = RandomInstruction(random, count - i);
        }

        code[count] = new ClassicInstruction(ClassReturn | ReturnA, 0, 0, 0);
        return code;
    }

    private static ClassicInstruction RandomInstruction(Random random, int rest)
    {
        uint offset = random.Next(20) == 0 ? uint.MaxValue - (uint)random.Next(4) : (uint)random.Next(70);
        uint word = random.Next(3) == 0 ? (uint)random.NextInt64(1L << 32) : (uint)random.Next(40);
        byte Skip() => (byte)random.Next(rest);
        int source = random.Next(2) * SourceX;
        int size = random.Next(3) * 8;
        return random.Next(12) switch
        {
            0 => new(ClassLoadA | ModeImmediate, 0, 0, word),
            1 => new(ClassLoadX | ModeImmediate, 0, 0, offset),
            2 or 3 => new((ushort)(ClassLoadA | ModeAbsolute | size), 0, 0, offset),
            4 => new((ushort)(ClassLoadA | ModeIndirect | size), 0, 0, offset),
            5 => new((ushort)((random.Next(2) == 0 ? ClassLoadA : ClassLoadX) | ModeLength), 0, 0, 0),
            6 => new((ushort)(random.Next(4) switch
            {
                0 => ClassStoreA,
                1 => ClassStoreX,
                2 => ClassLoadA | ModeMemory,
                _ => ClassLoadX | ModeMemory,
            }), 0, 0, (uint)random.Next(16)),
            7 => new(ClassLoadX | ModeHeaderLength | SizeByte, 0, 0, offset),
            8 => new((ushort)(ClassMisc | (random.Next(2) == 0 ? MiscAToX : MiscXToA)), 0, 0, 0),
            9 => new((ushort)(ClassJump | (random.Next(1, 5) << 4) | source), Skip(), Skip(), word),
            10 when random.Next(6) == 0 => new(ClassJump, 0, 0, Skip()),
            _ => new((ushort)(ClassAlu | (random.Next(11) << 4) | source), 0, 0, word),
        };
    }
}
