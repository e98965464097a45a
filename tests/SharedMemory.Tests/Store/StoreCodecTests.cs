using Nf.SharedMemory.Store;

namespace Nf.SharedMemory.Tests.Store;

public class StoreCodecTests
{
    // Magic NFK1, type, key length, metadata length, sequence, key, metadata.
    private const string PutOfAb = "4E464B31" + "0200" + "0100" + "02000000" + "07000000" + "61" + "0102";

    public static TheoryData<string, int, string> Bad => new()
    {
        { "", 0, "0 bytes, the rule is 16 to 32912" },
        { "4E464B31020001000200000007000000"[..30], 0, "15 bytes" },
        { PutOfAb.Replace("4E464B31", "4E464B30", StringComparison.Ordinal), 0, "begins with 0x304b464e" },
        { "4E464B31" + "0000" + "0000" + "00000000" + "00000000", 0, "unknown type 0x0000" },
        { "4E464B31" + "8700" + "0000" + "00000000" + "00000000", 0, "unknown type 0x0087" },
        { PutOfAb + "00", 0, "20 bytes, its lengths say 19" },
        { PutOfAb[..^2], 0, "18 bytes, its lengths say 19" },
        { PutOfAb, 17, "17 descriptors, the rule is 0 to 16" },
        { "4E464B31" + "0200" + "0000" + "00000000" + "07000000", 0, "a key of 0 bytes, the rule is 1 to 128" },
        { "4E464B31" + "0200" + "8100" + "00000000" + "07000000", 0, "a key of 129 bytes" },
        { "4E464B31" + "0200" + "0100" + "01800000" + "07000000" + "61", 0, "32769 bytes of metadata" },
        { "4E464B31" + "0200" + "0100" + "FFFFFFFF" + "07000000" + "61", 0, "4294967295 bytes of metadata" },
        { "4E464B31" + "0200" + "0100" + "00000000" + "00000000" + "61", 0, "the sequence 0, which is Required" },
        { "4E464B31" + "0400" + "0000" + "00000000" + "01000000", 0, "the sequence 1, which is None" },
        { "4E464B31" + "0400" + "0000" + "00000000" + "00000000", 1, "1 descriptors, the rule is 0 to 0" },
        { "4E464B31" + "0400" + "0000" + "01000000" + "00000000" + "00", 0, "1 bytes of metadata, the rule is 0 to 0" },
        { "4E464B31" + "0100" + "0000" + "03000000" + "00000000" + "000000", 0, "3 bytes of metadata" },
        { "4E464B31" + "0300" + "0100" + "00000000" + "01000000" + "0A", 0, "control character U+000A" },
        { "4E464B31" + "0300" + "0100" + "00000000" + "01000000" + "FF", 0, "is not UTF-8" },
        { "4E464B31" + "0300" + "0200" + "00000000" + "01000000" + "C080", 0, "is not UTF-8" },
        { "4E464B31" + "0300" + "0300" + "00000000" + "01000000" + "EDA080", 0, "is not UTF-8" },
    };

    [Theory]
    [MemberData(nameof(Bad))]
    public void Parse_BrokenPacket_NamesTheRule(string packet, int descriptors, string reason)
    {
        StoreException e = Assert.Throws<StoreException>(
            () => { StoreCodec.Parse(Convert.FromHexString(packet), descriptors); });
        Assert.Contains(reason, e.Message);
    }

    [Fact]
    public void Parse_DocumentedBytes_GivesTheFields()
    {
        StoreMessage message = StoreCodec.Parse(Convert.FromHexString(PutOfAb), 16);
        Assert.Equal(StoreMessageType.Put, message.Type);
        Assert.Equal(7u, message.Sequence);
        Assert.Equal("a", message.Key);
        Assert.Equal([1, 2], message.Metadata.ToArray());
    }

    [Theory]
    [InlineData(StoreMessageType.Ready, 0u, "", 4)]
    [InlineData(StoreMessageType.Put, 1u, "umem/ä", 32 * 1024)]
    [InlineData(StoreMessageType.Drop, uint.MaxValue, "k", 0)]
    [InlineData(StoreMessageType.Heartbeat, 0u, "", 0)]
    [InlineData(StoreMessageType.Activate, 0u, "", 8)]
    [InlineData(StoreMessageType.Entry, 0u, "k", 0)]
    [InlineData(StoreMessageType.End, 0u, "", 4)]
    [InlineData(StoreMessageType.Ack, 9u, "", 0)]
    [InlineData(StoreMessageType.Nak, 0u, "", 1024)]
    [InlineData(StoreMessageType.Shutdown, 0u, "", 0)]
    public void Write_EachType_ParsesBack(StoreMessageType type, uint sequence, string key, int metadataBytes)
    {
        byte[] buffer = new byte[StoreCodec.MessageBytesMax];
        byte[] metadata = new byte[metadataBytes];
        new Random(1).NextBytes(metadata);
        int length = StoreCodec.Write(buffer, type, sequence, key, metadata, 0);
        StoreMessage message = StoreCodec.Parse(buffer.AsSpan(0, length), 0);
        Assert.Equal((type, sequence, key), (message.Type, message.Sequence, message.Key));
        Assert.Equal(metadata, message.Metadata.ToArray());
    }

    [Fact]
    public void Write_WhatNobodyCouldRead_IsRefused()
    {
        byte[] buffer = new byte[StoreCodec.MessageBytesMax];
        void Write(string key, int metadata, int descriptors) =>
            StoreCodec.Write(buffer, StoreMessageType.Put, 1, key, new byte[metadata], descriptors);

        Assert.Throws<StoreException>(() => Write(new string('k', 129), 0, 0));
        Assert.Throws<StoreException>(() => Write(new string('ä', 65), 0, 0));
        Assert.Throws<StoreException>(() => Write("k\0", 0, 0));
        Assert.Throws<StoreException>(() => Write("k", 32 * 1024 + 1, 0));
        Assert.Throws<StoreException>(() => Write("k", 0, 17));
    }

    [Fact]
    public void WriteReason_LongerThanALine_IsCutToItsLimit()
    {
        Assert.InRange(StoreCodec.WriteReason(new string('€', 5000)).Length, 1, StoreCodec.ReasonBytesMax);
    }

    // Whatever comes, the answer is a message that writes back to the same bytes, or a StoreException.
    [Fact]
    public void Parse_SeededNoise_NeverFailsOtherwise()
    {
        const int rounds = 200_000;
        var random = new Random(20260);
        byte[] back = new byte[StoreCodec.MessageBytesMax];
        byte[] seed = Convert.FromHexString(PutOfAb);
        int accepted = 0;
        for (int i = 0; i < rounds; i++)
        {
            byte[] packet = Mutate(seed, random);
            int descriptors = random.Next(18);
            try
            {
                StoreMessage message = StoreCodec.Parse(packet, descriptors);
                int length = StoreCodec.Write(
                    back, message.Type, message.Sequence, message.Key, message.Metadata, descriptors);
                Assert.True(packet.AsSpan().SequenceEqual(back.AsSpan(0, length)), Convert.ToHexString(packet));
                accepted++;
            }
            catch (StoreException)
            {
                // Refused, which is most of them.
            }
        }

        Assert.InRange(accepted, rounds / 1000, rounds - (rounds / 1000));
    }

    private static byte[] Mutate(byte[] seed, Random random)
    {
        byte[] packet = new byte[Math.Max(0, seed.Length + (random.Next(4) == 0 ? random.Next(-19, 40) : 0))];
        seed.AsSpan(0, Math.Min(seed.Length, packet.Length)).CopyTo(packet);
        for (int n = random.Next(4); n > 0 && packet.Length > 0; n--)
        {
            // Mostly behind the magic, where something is left to find.
            packet[random.Next(random.Next(8) == 0 ? 0 : Math.Min(4, packet.Length - 1), packet.Length)] =
                random.Next(3) == 0 ? (byte)random.Next(4) : (byte)random.Next(256);
        }

        return packet;
    }
}
