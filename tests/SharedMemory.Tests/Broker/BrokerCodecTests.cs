using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using Nf.Linux;
using Nf.SharedMemory.Broker;
using static Nf.SharedMemory.Broker.BrokerProtocol;

namespace Nf.SharedMemory.Tests.Broker;

public class BrokerCodecTests
{
    // Version 1, type PING, 16 bytes, sequence 7, result 0.
    private const string Ping = "0100" + "0600" + "10000000" + "07000000" + "00000000";

    private static readonly Dictionary<BrokerMessageType, int> BodyBytes = new()
    {
        [BrokerMessageType.Hello] = 32,
        [BrokerMessageType.Lease] = 96,
        [BrokerMessageType.Registered] = 8,
        [BrokerMessageType.Release] = 8,
        [BrokerMessageType.TakeUp] = 24,
        [BrokerMessageType.Ping] = 0,
        [BrokerMessageType.MemoryCreate] = 32,
        [BrokerMessageType.MemoryAcquire] = 8,
        [BrokerMessageType.MemoryRelease] = 8,
        [BrokerMessageType.MemoryClose] = 8,
        [BrokerMessageType.MemoryExport] = 8,
        [BrokerMessageType.MemoryStatus] = 8,
    };

    public static TheoryData<string, int, Errno, string> Bad => new()
    {
        { "0200" + Ping[4..], 0, Errno.EPROTONOSUPPORT, "version 2: this broker speaks 1" },
        { "0000" + Ping[4..], 0, Errno.EPROTONOSUPPORT, "version 0" },
        { Ping.Replace("0600", "0000", StringComparison.Ordinal), 0, Errno.EOPNOTSUPP, "type 0: no such request" },
        { Ping.Replace("0600", "0680", StringComparison.Ordinal), 0, Errno.EOPNOTSUPP, "type 32774" },
        { Ping.Replace("0600", "0001", StringComparison.Ordinal), 0, Errno.EOPNOTSUPP, "type 256" },
        { Ping, 1, Errno.EINVAL, "1 descriptors: Ping has 0 at most" },
        { Ping[..16] + "00000000" + "00000000", 0, Errno.EINVAL, "sequence 0" },
        { Ping[..16] + "07000000" + "01000000", 0, Errno.EINVAL, "result 1" },
    };

    [Fact]
    public void Structs_AllOfThem_HaveTheDocumentedSizes()
    {
        Assert.Equal(
            (16, 40, 264, 16, 8, 16),
            (Unsafe.SizeOf<BrokerHeader>(), Unsafe.SizeOf<HelloAnswer>(), Unsafe.SizeOf<LeaseAnswer>(),
                Unsafe.SizeOf<LeaseStateEvent>(), Unsafe.SizeOf<LifeEvent>(), Unsafe.SizeOf<MemoryAnswer>()));
        Assert.Equal(24, (int)Marshal.OffsetOf<LeaseRequest>(nameof(LeaseRequest.Queue)));
        Assert.Equal(112, (int)Marshal.OffsetOf<LeaseAnswer>(nameof(LeaseAnswer.Offsets)));
        Assert.Equal(248, (int)Marshal.OffsetOf<LeaseAnswer>(nameof(LeaseAnswer.Interface)));
    }

    [Fact]
    public void Split_DocumentedBytes_GivesTheFields()
    {
        Assert.True(BrokerCodec.TrySplit(Convert.FromHexString(Ping), out BrokerMessage message));
        Assert.Equal((BrokerMessageType.Ping, 7u, false), (message.Type, message.Header.Sequence, message.IsAnswer));
        Assert.Equal(Errno.None, BrokerCodec.CheckRequest(message, 0, out string fault));
        Assert.Empty(fault);
    }

    [Theory]
    [MemberData(nameof(Bad))]
    public void CheckRequest_BrokenRule_NamesIt(string packet, int descriptors, Errno errno, string reason)
    {
        Assert.True(BrokerCodec.TrySplit(Convert.FromHexString(packet), out BrokerMessage message));
        Assert.Equal(errno, BrokerCodec.CheckRequest(message, descriptors, out string fault));
        Assert.Contains(reason, fault, StringComparison.Ordinal);
    }

    // Every type with every length there can be: its own is taken, all others are refused.
    [Fact]
    public void CheckRequest_EachTypeWithEachLength_TakesOneOnly()
    {
        byte[] buffer = new byte[MessageBytesMax + 1];
        foreach ((BrokerMessageType type, int body) in BodyBytes)
        {
            for (int length = 0; length <= buffer.Length; length++)
            {
                if (length >= HeaderBytes)
                {
                    BrokerCodec.Write(buffer, (ushort)type, 1);
                    BitConverter.TryWriteBytes(buffer.AsSpan(4), length);
                }

                bool split = BrokerCodec.TrySplit(buffer.AsSpan(0, length), out BrokerMessage message);
                Assert.Equal(length is >= HeaderBytes and <= MessageBytesMax, split);
                Errno expected = length == HeaderBytes + body ? Errno.None : Errno.EINVAL;
                Assert.True(!split || BrokerCodec.CheckRequest(message, 0, out _) == expected, $"{type}, {length}");
            }
        }
    }

    [Fact]
    public void Write_FailureWithALongText_CutsAtAWholeCharacter()
    {
        byte[] buffer = new byte[MessageBytesMax];
        int length = BrokerCodec.WriteFailure(buffer, 2, 9, Errno.EBUSY, new string('€', 400));
        Assert.True(BrokerCodec.TrySplit(buffer.AsSpan(0, length), out BrokerMessage message));
        Assert.Equal(
            (BrokerMessageType.Lease, true, 9u, (uint)Errno.EBUSY),
            (message.Type, message.IsAnswer, message.Header.Sequence, message.Header.Result));
        Assert.Equal(new string('€', TextBytesMax / 3), message.Text());
    }

    [Fact]
    public void Write_LeaseAnswer_ReadsBack()
    {
        byte[] buffer = new byte[MessageBytesMax];
        var answer = new LeaseAnswer
        {
            Lease = 5,
            Secret = LeaseSecret.From(Enumerable.Range(1, SecretBytes).Select(i => (byte)i).ToArray()),
            Interface = InterfaceName.From("eth0"),
            MemoryBytes = 1 << 20,
            Offsets = new xdp_mmap_offsets { cr = new xdp_ring_offset { flags = 77 } },
        };
        int length = BrokerCodec.Write(buffer, (ushort)BrokerMessageType.Lease | AnswerBit, 3, answer);
        Assert.Equal(280, length);
        Assert.True(BrokerCodec.TrySplit(buffer.AsSpan(0, length), out BrokerMessage message));
        LeaseAnswer back = message.Read<LeaseAnswer>();
        Assert.Equal(("eth0", 77ul, 1ul << 20), (back.Interface.Text, back.Offsets.cr.flags, back.MemoryBytes));
        Assert.Equal(16, back.Secret[15]);
    }

    // Whatever comes, it is refused in words or it is a request in good form that writes back to the same bytes.
    [Fact]
    public void Split_SeededNoise_NeverFailsOtherwise()
    {
        const int rounds = 200_000;
        var random = new Random(20261);
        byte[] seed = new byte[HeaderBytes + 96];
        int accepted = 0;
        for (int i = 0; i < rounds; i++)
        {
            BrokerMessageType type = BodyBytes.Keys.ElementAt(random.Next(BodyBytes.Count));
            BrokerCodec.Write(seed, (ushort)type, (uint)random.Next(1, 9));
            int length = HeaderBytes + BodyBytes[type] + (random.Next(4) == 0 ? random.Next(-30, 30) : 0);
            byte[] packet = new byte[Math.Max(0, length)];
            random.NextBytes(packet);
            seed.AsSpan(0, Math.Min(HeaderBytes, packet.Length)).CopyTo(packet);
            BitConverter.TryWriteBytes(packet.AsSpan(Math.Min(4, packet.Length)), length);
            if (packet.Length > 0 && random.Next(2) == 0)
            {
                packet[random.Next(packet.Length)] = (byte)random.Next(256);
            }

            int descriptors = random.Next(5);
            if (!BrokerCodec.TrySplit(packet, out BrokerMessage message))
            {
                continue;
            }

            Errno errno = BrokerCodec.CheckRequest(message, descriptors, out string fault);
            Assert.Equal(errno == Errno.None, fault.Length == 0);
            if (errno == Errno.None && message.Type == BrokerMessageType.Lease)
            {
                LeaseRequest request = message.Read<LeaseRequest>();
                Assert.Equal(LeaseRules.Check(request, descriptors, out var shape).Count == 0, Judge(request, shape));
                accepted++;
            }
        }

        Assert.InRange(accepted, rounds / 100, rounds);

        // Noise has no valid memory; what the rules take is in LeaseRulesTests.
        static bool Judge(in LeaseRequest request, object? shape) => shape is not null && request.Reserved == 0;
    }
}
