using System.Buffers.Binary;

namespace Nf.DataPlane.Frames;

/// <summary>Where the headers of a TCP frame are: offsets in its first bytes.</summary>
/// <param name="Ip">Of the IP header.</param>
/// <param name="Tcp">Of the TCP header.</param>
/// <param name="Payload">Of what is cut into segments.</param>
/// <param name="IsIp6">IPv6 instead of IPv4.</param>
internal readonly record struct TcpHeaders(uint Ip, uint Tcp, uint Payload, bool IsIp6)
{
    /// <summary>Most bytes of headers: VLAN tags, IP options and extension headers included. Arbitrary.</summary>
    internal const int BytesMax = 256;

    private const int EthernetBytes = 14;
    private const int EtherTypeOffset = 12;
    private const int VlanBytes = 4;
    private const int Ip4BytesMin = 20;
    private const int Ip6Bytes = 40;
    private const int TcpBytesMin = 20;
    private const byte ProtocolTcp = 6;

    /// <summary>Finds the headers in a private copy of a frame's first bytes.</summary>
    /// <param name="bytes">The copy.</param>
    /// <param name="isIp6">What the sender says it is.</param>
    /// <param name="headers">Where they are.</param>
    /// <returns>False when it is something else, or not whole.</returns>
    internal static bool TryParse(ReadOnlySpan<byte> bytes, bool isIp6, out TcpHeaders headers)
    {
        headers = default;
        int ip = EthernetBytes;
        if (bytes.Length < ip)
        {
            return false;
        }

        ushort type = BinaryPrimitives.ReadUInt16BigEndian(bytes[EtherTypeOffset..]);

        // One tag, or two (IEEE 802.1ad); more is nobody's.
        for (int tags = 0; tags < 2 && type is 0x8100 or 0x88A8; tags++)
        {
            if (bytes.Length < ip + VlanBytes)
            {
                return false;
            }

            type = BinaryPrimitives.ReadUInt16BigEndian(bytes[(ip + 2)..]);
            ip += VlanBytes;
        }

        int tcp = (type, isIp6) switch
        {
            (0x0800, false) => EndOfIp4(bytes, ip),
            (0x86DD, true) => EndOfIp6(bytes, ip),
            _ => -1,
        };
        if (tcp < 0 || bytes.Length < tcp + TcpBytesMin)
        {
            return false;
        }

        int payload = tcp + ((bytes[tcp + 12] >> 4) * 4);
        headers = new TcpHeaders((uint)ip, (uint)tcp, (uint)payload, isIp6);
        return payload >= tcp + TcpBytesMin && payload <= bytes.Length;
    }

    private static int EndOfIp4(ReadOnlySpan<byte> bytes, int ip)
    {
        if (bytes.Length < ip + Ip4BytesMin || bytes[ip] >> 4 != 4 || bytes[ip + 9] != ProtocolTcp)
        {
            return -1;
        }

        int length = (bytes[ip] & 0xF) * 4;
        bool fragment = (BinaryPrimitives.ReadUInt16BigEndian(bytes[(ip + 6)..]) & 0x3FFF) != 0;
        return length < Ip4BytesMin || fragment ? -1 : ip + length;
    }

    private static int EndOfIp6(ReadOnlySpan<byte> bytes, int ip)
    {
        if (bytes.Length < ip + Ip6Bytes || bytes[ip] >> 4 != 6)
        {
            return -1;
        }

        byte next = bytes[ip + 6];
        int at = ip + Ip6Bytes;

        // Hop-by-hop options, routing, destination options: each says how long it is. The copy's length ends the walk.
        while (next is 0 or 43 or 60)
        {
            if (bytes.Length < at + 8)
            {
                return -1;
            }

            next = bytes[at];
            at += (bytes[at + 1] + 1) * 8;
        }

        return next == ProtocolTcp ? at : -1;
    }
}
