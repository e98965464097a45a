using System.Buffers.Binary;
using System.Runtime.CompilerServices;

namespace Nf.DataPlane.Cpumaps;

/// <summary>
/// Says what a frame is; to the letter what Bpf/steer.bpf.c says, which has the reasons. Reads each byte at most once
/// for each field, so that memory that changes meanwhile gives a wrong answer and nothing worse.
/// </summary>
internal static class FlowParser
{
    private const int MacHeaderBytes = 14;
    private const int TagsMax = 4;
    private const int ExtensionsMax = 8;
    private const int FragmentHeader = 44;
    private const int AuthenticationHeader = 51;
    private const int ProtocolTcp = 6;
    private const int ProtocolUdp = 17;
    private const int ProtocolIcmpv6 = 58;
    private const int ProtocolSctp = 132;

    /// <summary>Looks at a frame from its Ethernet header on.</summary>
    /// <param name="frame">What can be read of it: its first buffer.</param>
    /// <param name="lengthBytes">All of it.</param>
    /// <param name="flow">What it is; of less than an Ethernet header nothing but the length.</param>
    internal static void Parse(ReadOnlySpan<byte> frame, int lengthBytes, out Flow flow)
    {
        flow = default;
        flow[FlowField.Vlan] = Flow.Untagged;
        flow[FlowField.Protocol] = Flow.NoProtocol;
        flow[FlowField.HashProtocol] = Flow.NoProtocol;
        flow[FlowField.SourcePort] = Flow.NoPort;
        flow[FlowField.DestinationPort] = Flow.NoPort;
        flow[FlowField.Length] = (uint)lengthBytes;
        if (frame.Length < MacHeaderBytes)
        {
            return;
        }

        flow[FlowField.DestinationMac] = Word(frame, 0);
        flow[(int)FlowField.DestinationMac + 1] = Half(frame, 4);
        flow[FlowField.SourceMac] = Word(frame, 6);
        flow[(int)FlowField.SourceMac + 1] = Half(frame, 10);
        uint type = Half(frame, 12);
        int at = MacHeaderBytes;
        for (int i = 0; i < TagsMax && (type is 0x8100 or 0x88a8) && at + 4 <= frame.Length; i++)
        {
            if (i == 0)
            {
                flow[FlowField.Vlan] = Half(frame, at) & 0xfff;
            }

            type = Half(frame, at + 2);
            at += 4;
        }

        flow[FlowField.Ethertype] = type;
        switch (type)
        {
            case 0x0800:
                ParseIpv4(frame[at..], ref flow);
                break;
            case 0x86dd:
                ParseIpv6(frame[at..], ref flow);
                break;
            case 0x0806 or 0x88cc: // ARP, LLDP
                flow[FlowField.State] = Flow.Management;
                break;
        }
    }

    private static void ParseIpv4(ReadOnlySpan<byte> ip, ref Flow flow)
    {
        if (ip.Length < 20)
        {
            return;
        }

        byte first = ip[0];
        int header = (first & 0xf) * 4;
        if (first >> 4 != 4 || header < 20 || header > ip.Length)
        {
            return;
        }

        byte protocol = ip[9];
        uint fragment = Half(ip, 6);
        flow[FlowField.Version] = 4;
        flow[FlowField.Source] = Word(ip, 12);
        flow[FlowField.Destination] = Word(ip, 16);
        flow[FlowField.Protocol] = protocol;
        flow[FlowField.HashProtocol] = protocol;
        if ((fragment & 0x3fff) != 0)
        {
            flow[FlowField.State] |= Flow.Fragment;
        }

        if ((fragment & 0x1fff) == 0)
        {
            ParseTransport(protocol, ip[header..], ref flow);
        }
    }

    private static void ParseIpv6(ReadOnlySpan<byte> ip, ref Flow flow)
    {
        if (ip.Length < 40 || ip[0] >> 4 != 6)
        {
            return;
        }

        flow[FlowField.Version] = 6;
        for (int i = 0; i < 4; i++)
        {
            flow[(int)FlowField.Source + i] = Word(ip, 8 + (4 * i));
            flow[(int)FlowField.Destination + i] = Word(ip, 24 + (4 * i));
        }

        byte next = ip[6];
        ip = ip[40..];
        bool fragmented = false;
        for (int i = 0; i < ExtensionsMax && IsExtension(next); i++)
        {
            if (ip.Length < 8)
            {
                return;
            }

            byte kind = next;
            next = ip[0];
            int bytes = 8;
            if (kind != FragmentHeader)
            {
                bytes = kind == AuthenticationHeader ? (ip[1] + 2) * 4 : (ip[1] + 1) * 8;
            }
            else if (IsInTheMiddle(Half(ip, 2), next, ref fragmented, ref flow))
            {
                return;
            }

            if (bytes > ip.Length)
            {
                return;
            }

            ip = ip[bytes..];
        }

        if (IsExtension(next))
        {
            return;
        }

        flow[FlowField.Protocol] = next;
        if (!fragmented)
        {
            flow[FlowField.HashProtocol] = next;
        }

        ParseTransport(next, ip, ref flow);
    }

    // A fragment header; true when what follows it is not the beginning of something.
    private static bool IsInTheMiddle(uint offset, byte next, ref bool fragmented, ref Flow flow)
    {
        if (!fragmented)
        {
            flow[FlowField.HashProtocol] = next;
        }

        fragmented = true;
        if ((offset & 0xfff9) != 0)
        {
            flow[FlowField.State] |= Flow.Fragment;
        }

        if ((offset & 0xfff8) == 0)
        {
            return false;
        }

        if (!IsExtension(next))
        {
            flow[FlowField.Protocol] = next;
        }

        return true;
    }

    private static void ParseTransport(byte protocol, ReadOnlySpan<byte> header, ref Flow flow)
    {
        if (protocol is ProtocolTcp or ProtocolUdp or ProtocolSctp)
        {
            if (header.Length < 4)
            {
                return;
            }

            uint destination = Half(header, 2);
            flow[FlowField.SourcePort] = Half(header, 0);
            flow[FlowField.DestinationPort] = destination;
            if (protocol == ProtocolUdp && (destination is 67 or 68 or 546 or 547 or 3784 or 3785 or 4784))
            {
                flow[FlowField.State] |= Flow.Management;
            }
        }
        else if (protocol == ProtocolIcmpv6 && header.Length >= 1 && header[0] is >= 133 and <= 137
                 && flow[FlowField.Version] == 6)
        {
            flow[FlowField.State] |= Flow.Management;
        }
    }

    // Hop-by-hop, routing, fragment, authentication, options, mobility, HIP, shim6.
    private static bool IsExtension(byte next) =>
        next is 0 or 43 or FragmentHeader or AuthenticationHeader or 60 or 135 or 139 or 140;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static uint Half(ReadOnlySpan<byte> bytes, int at) => BinaryPrimitives.ReadUInt16BigEndian(bytes[at..]);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static uint Word(ReadOnlySpan<byte> bytes, int at) => BinaryPrimitives.ReadUInt32BigEndian(bytes[at..]);
}
