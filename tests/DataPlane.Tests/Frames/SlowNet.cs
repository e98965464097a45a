using System.Buffers.Binary;

namespace Nf.DataPlane.Tests.Frames;

/// <summary>Frames made, read and checked the plain way, byte by byte: what the fast code is compared with.</summary>
internal static class SlowNet
{
    internal const int Tcp = 6;
    internal const int Udp = 17;

    /// <summary>The sum of big-endian words as RFC 1071 has it in its example.</summary>
    internal static ushort Sum(IEnumerable<byte> bytes)
    {
        uint sum = 0;
        bool high = true;
        foreach (byte value in bytes)
        {
            sum += high ? (uint)value << 8 : value;
            sum = (sum & 0xFFFF) + (sum >> 16);
            high = !high;
        }

        return (ushort)sum;
    }

    /// <summary>A frame with the sum of its pseudo header where the checksum goes, as a driver leaves it.</summary>
    internal static byte[] Make(
        bool ip6, int protocol, byte[] payload, int tags = 0, int options = 0, byte flags = 0x18, uint sequence = 1000)
    {
        int header = (protocol == Tcp ? 20 : 8) + options;
        byte[] frame = new byte[14 + (4 * tags) + (ip6 ? 40 : 20) + header + payload.Length];
        new Random(payload.Length).NextBytes(frame.AsSpan(0, 12));
        frame[0] &= 0xFE;
        int at = 12;
        for (int i = 0; i < tags; i++)
        {
            Put16(frame, at, tags == 2 && i == 0 ? 0x88A8 : 0x8100);
            Put16(frame, at + 2, 100 + i);
            at += 4;
        }

        Put16(frame, at, ip6 ? 0x86DD : 0x0800);
        int ip = at + 2;
        int l4 = ip + (ip6 ? 40 : 20);
        int length = header + payload.Length;
        if (ip6)
        {
            frame[ip] = 0x60;
            Put16(frame, ip + 4, Math.Min(length, 65535));
            frame[ip + 6] = (byte)protocol;
            frame[ip + 7] = 64;
            new Random(6).NextBytes(frame.AsSpan(ip + 8, 32));
        }
        else
        {
            frame[ip] = 0x45;
            Put16(frame, ip + 2, Math.Min(20 + length, 65535));
            Put16(frame, ip + 4, 0xFFFE);
            frame[ip + 8] = 64;
            frame[ip + 9] = (byte)protocol;
            new Random(4).NextBytes(frame.AsSpan(ip + 12, 8));
            Put16(frame, ip + 10, (ushort)~Sum(frame[ip..l4]));
        }

        Put16(frame, l4, 4321);
        Put16(frame, l4 + 2, 80);
        if (protocol == Tcp)
        {
            BinaryPrimitives.WriteUInt32BigEndian(frame.AsSpan(l4 + 4), sequence);
            frame[l4 + 12] = (byte)(header / 4 << 4);
            frame[l4 + 13] = flags;
            Put16(frame, l4 + 14, 500);
        }
        else
        {
            Put16(frame, l4 + 4, length);
        }

        payload.CopyTo(frame, l4 + header);
        Put16(frame, l4 + ChecksumOffset(protocol), Sum(Pseudo(frame, ip, ip6, protocol, length)));
        return frame;
    }

    internal static int ChecksumOffset(int protocol) => protocol == Tcp ? 16 : 6;

    /// <summary>Where the IP header of a frame begins.</summary>
    internal static int IpOf(byte[] frame)
    {
        int at = 12;
        while (Get16(frame, at) is 0x8100 or 0x88A8)
        {
            at += 4;
        }

        return at + 2;
    }

    /// <summary>Where the TCP or UDP header of a frame begins; the frame has no IPv6 extension headers.</summary>
    internal static int L4Of(byte[] frame)
    {
        int ip = IpOf(frame);
        return ip + (frame[ip] >> 4 == 6 ? 40 : (frame[ip] & 0xF) * 4);
    }

    /// <summary>Every length and checksum of a frame is right.</summary>
    internal static void Check(byte[] frame)
    {
        int ip = IpOf(frame);
        int l4 = L4Of(frame);
        bool ip6 = frame[ip] >> 4 == 6;
        int protocol = ip6 ? frame[ip + 6] : frame[ip + 9];
        if (ip6)
        {
            Assert.Equal(frame.Length - ip - 40, Get16(frame, ip + 4));
        }
        else
        {
            Assert.Equal(frame.Length - ip, Get16(frame, ip + 2));
            Assert.Equal(0xFFFF, Sum(frame[ip..l4]));
        }

        Assert.Equal(0xFFFF, Sum([.. Pseudo(frame, ip, ip6, protocol, frame.Length - l4), .. frame[l4..]]));
        if (protocol == Udp)
        {
            Assert.NotEqual(0, Get16(frame, l4 + 6));
        }
    }

    /// <summary>What a TCP frame carries.</summary>
    internal static byte[] TcpPayload(byte[] frame)
    {
        int l4 = L4Of(frame);
        return frame[(l4 + (frame[l4 + 12] >> 4) * 4)..];
    }

    internal static int Get16(byte[] frame, int at) => BinaryPrimitives.ReadUInt16BigEndian(frame.AsSpan(at));

    internal static uint Get32(byte[] frame, int at) => BinaryPrimitives.ReadUInt32BigEndian(frame.AsSpan(at));

    internal static void Put16(byte[] frame, int at, int value) =>
        BinaryPrimitives.WriteUInt16BigEndian(frame.AsSpan(at), (ushort)value);

    private static IEnumerable<byte> Pseudo(byte[] frame, int ip, bool ip6, int protocol, int length) => ip6
        ? [.. frame[(ip + 8)..(ip + 40)], .. Big32(length), 0, 0, 0, (byte)protocol]
        : [.. frame[(ip + 12)..(ip + 20)], 0, (byte)protocol, (byte)(length >> 8), (byte)length];

    private static byte[] Big32(int value) =>
        [(byte)(value >> 24), (byte)(value >> 16), (byte)(value >> 8), (byte)value];
}
