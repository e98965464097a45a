using System.Buffers.Binary;
using System.Net;
using Nf.Client;

namespace Nf.Samples.EchoUdp;

/// <summary>Turns packets round in the chunk they came in, and sends them back.</summary>
internal sealed class Echo(XskLease lease, IPAddress address, ushort port)
{
    private const int EthernetBytes = 14;
    private const int ArpBytes = 28;
    private const int IpBytesMin = 20;
    private const int UdpBytes = 8;
    private const int RoundMax = 64;
    private const byte ProtocolIcmp = 1;
    private const byte ProtocolUdp = 17;

    private readonly byte[] _address = address.GetAddressBytes();
    private readonly byte[] _mac = lease.Mac;

    /// <summary>UDP packets sent back.</summary>
    internal ulong EchoedCount { get; private set; }

    /// <summary>ARP requests and pings answered.</summary>
    internal ulong AnsweredCount { get; private set; }

    /// <summary>Everything else.</summary>
    internal ulong IgnoredCount { get; private set; }

    /// <summary>One round; false when there was nothing to do.</summary>
    internal bool RunOnce()
    {
        int count = 0;
        for (; count < RoundMax && lease.TryReceive(out LeasedFrame frame); count++)
        {
            if (!TurnRound(lease.Bytes(frame)) || !TrySend(frame))
            {
                lease.Free(frame);
            }
        }

        lease.Flush();
        return count != 0;
    }

    // A full TX ring has room again when the kernel was called.
    private bool TrySend(in LeasedFrame frame)
    {
        if (lease.TryTransmit(frame))
        {
            return true;
        }

        lease.Flush();
        return lease.TryTransmit(frame);
    }

    // What came is judged in place: this process is the only one that may write to it now.
    private bool TurnRound(Span<byte> frame)
    {
        bool answer = frame.Length >= EthernetBytes && BinaryPrimitives.ReadUInt16BigEndian(frame[12..]) switch
        {
            0x0806 => TurnArp(frame[EthernetBytes..]),
            0x0800 => TurnIp(frame[EthernetBytes..]),
            _ => false,
        };
        if (!answer)
        {
            IgnoredCount++;
            return false;
        }

        frame[6..12].CopyTo(frame);
        _mac.CopyTo(frame[6..]);
        return true;
    }

    private bool TurnArp(Span<byte> arp)
    {
        ReadOnlySpan<byte> request = [0, 1, 8, 0, 6, 4, 0, 1];
        if (arp.Length < ArpBytes || !arp.StartsWith(request) || !arp[24..28].SequenceEqual(_address))
        {
            return false;
        }

        arp[7] = 2;
        arp[8..18].CopyTo(arp[18..]);
        _mac.CopyTo(arp[8..]);
        _address.CopyTo(arp[14..]);
        AnsweredCount++;
        return true;
    }

    private bool TurnIp(Span<byte> ip)
    {
        int header = ip.Length < IpBytesMin ? 0 : (ip[0] & 0xf) * 4;
        int length = ip.Length < IpBytesMin ? 0 : BinaryPrimitives.ReadUInt16BigEndian(ip[2..]);
        if (header < IpBytesMin || ip[0] >> 4 != 4 || length < header + UdpBytes || length > ip.Length
            || !ip[16..20].SequenceEqual(_address) || (BinaryPrimitives.ReadUInt16BigEndian(ip[6..]) & 0x3fff) != 0)
        {
            return false;
        }

        // Both addresses stay in the header, so its checksum stays right.
        Span<byte> payload = ip[header..length];
        Swap(ip[12..16], ip[16..20]);
        return ip[9] switch
        {
            ProtocolUdp => TurnUdp(ip, payload),
            ProtocolIcmp => TurnIcmp(payload),
            _ => false,
        };
    }

    private bool TurnUdp(Span<byte> ip, Span<byte> udp)
    {
        if (BinaryPrimitives.ReadUInt16BigEndian(udp[2..]) != port
            || BinaryPrimitives.ReadUInt16BigEndian(udp[4..]) != udp.Length)
        {
            return false;
        }

        // Computed anew: over a virtual link the sender's may be left to a device that does not exist.
        Swap(udp[..2], udp[2..4]);
        udp[6..8].Clear();
        uint pseudo = Checksum.Sum(ip[12..20], ProtocolUdp + (uint)udp.Length);
        ushort checksum = Checksum.Fold(Checksum.Sum(udp, pseudo));
        BinaryPrimitives.WriteUInt16BigEndian(udp[6..], checksum == 0 ? (ushort)0xffff : checksum);
        EchoedCount++;
        return true;
    }

    private bool TurnIcmp(Span<byte> icmp)
    {
        if (icmp[0] != 8 || icmp[1] != 0)
        {
            return false;
        }

        icmp[0] = 0;
        icmp[2..4].Clear();
        BinaryPrimitives.WriteUInt16BigEndian(icmp[2..], Checksum.Fold(Checksum.Sum(icmp, 0)));
        AnsweredCount++;
        return true;
    }

    private static void Swap(Span<byte> a, Span<byte> b)
    {
        Span<byte> keep = stackalloc byte[4];
        a.CopyTo(keep);
        b.CopyTo(a);
        keep[..b.Length].CopyTo(b);
    }
}
