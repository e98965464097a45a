using System.Runtime.CompilerServices;

namespace Nf.DataPlane.Cpumaps;

/// <summary>
/// What is known of a frame: one 32-bit word each, in the host's byte order. Bpf/steer.h has the same list, in C.
/// </summary>
internal enum FlowField
{
    /// <summary>Behind all VLAN tags.</summary>
    Ethertype,

    /// <summary>Id of the outermost tag, or <see cref="Flow.Untagged"/>.</summary>
    Vlan,

    /// <summary>4 or 6; 0 for what is not IP.</summary>
    Version,

    /// <summary>Behind IPv6 extension headers, or <see cref="Flow.NoProtocol"/>.</summary>
    Protocol,

    /// <summary>Of TCP, UDP or SCTP, or <see cref="Flow.NoPort"/>.</summary>
    SourcePort,

    /// <summary>As the source port.</summary>
    DestinationPort,

    /// <summary>Four words; IPv4 has the first, the others are 0.</summary>
    Source,

    /// <summary>As the source.</summary>
    Destination = Source + 4,

    /// <summary>The first four bytes, then the last two.</summary>
    DestinationMac = Destination + 4,

    /// <summary>As the destination's.</summary>
    SourceMac = DestinationMac + 2,

    /// <summary><see cref="Flow.Fragment"/> and <see cref="Flow.Management"/>.</summary>
    State = SourceMac + 2,

    /// <summary>The protocol as far as all fragments of a packet agree on it.</summary>
    HashProtocol,

    /// <summary>Bytes of the frame.</summary>
    Length,
}

/// <summary>A frame as rules and selections see it; see <see cref="FlowField"/>.</summary>
[InlineArray(FieldCount)]
internal struct Flow
{
    /// <summary>How many words.</summary>
    internal const int FieldCount = (int)FlowField.Length + 1;

    /// <summary>In place of a VLAN id.</summary>
    internal const uint Untagged = 4096;

    /// <summary>In place of an IP protocol.</summary>
    internal const uint NoProtocol = 256;

    /// <summary>In place of a port.</summary>
    internal const uint NoPort = 65536;

    /// <summary>A part of a fragmented packet, the first one too.</summary>
    internal const uint Fragment = 1;

    /// <summary>ARP, neighbour discovery, DHCP, LLDP, BFD.</summary>
    internal const uint Management = 2;

    private uint _first;

    /// <summary>A word.</summary>
    internal uint this[FlowField field]
    {
        readonly get => this[(int)field];
        set => this[(int)field] = value;
    }
}
