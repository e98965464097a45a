using Nf.V1;

namespace Nf.Service;

/// <summary>The rules of what a packet has to be. What can match no packet is a fault, too.</summary>
internal static class SteeringMatchRules
{
    private const uint EthertypeMin = 0x600; // IEEE 802.3: below are lengths
    private const uint Ipv4 = 0x0800;
    private const uint Ipv6 = 0x86dd;
    private const uint VlanMax = 4095;
    private const uint PortMax = 65_535;

    // TCP, UDP and SCTP.
    private static readonly uint[] ProtocolsWithPorts = [6, 17, 132];

    // 802.1Q and 802.1ad: the tags themselves.
    private static readonly uint[] Tags = [0x8100, 0x88a8];

    /// <summary>Notes every fault of a match.</summary>
    public static void Check(SpecFaults faults, string field, SteeringMatch match)
    {
        CheckLink(faults, field, match);
        CheckNetwork(faults, field, match);
        CheckPorts(faults, $"{field}.source_port", match.SourcePort, match);
        CheckPorts(faults, $"{field}.destination_port", match.DestinationPort, match);
        CheckMac(faults, $"{field}.source_mac", match.SourceMac);
        CheckMac(faults, $"{field}.destination_mac", match.DestinationMac);
        FilterRules.Check(faults, $"{field}.filter", match.Filter);
    }

    private static void CheckLink(SpecFaults faults, string field, SteeringMatch match)
    {
        if (match.HasEthertype)
        {
            faults.Require(
                match.Ethertype is >= EthertypeMin and <= ushort.MaxValue,
                $"{field}.ethertype",
                $"0x{match.Ethertype:x4} is not within 0x0600 to 0xffff");
            faults.Require(
                !Tags.Contains(match.Ethertype),
                $"{field}.ethertype",
                $"0x{match.Ethertype:x4} is a VLAN tag, behind which the ethertype is; tagged and vlan ask for one");
        }

        if (match.HasVlan)
        {
            faults.Require(match.Vlan <= VlanMax, $"{field}.vlan", $"{match.Vlan} is not within 0 to {VlanMax}");
            faults.Require(
                !match.HasTagged || match.Tagged, $"{field}.tagged", "is false beside a vlan: no packet is both");
        }
    }

    private static void CheckNetwork(SpecFaults faults, string field, SteeringMatch match)
    {
        if (match.HasIpProtocol)
        {
            faults.Require(
                match.IpProtocol <= byte.MaxValue,
                $"{field}.ip_protocol",
                $"{match.IpProtocol} is not within 0 to 255");
        }

        IpPrefix? source = CheckPrefix(faults, $"{field}.source", match.Source, match);
        IpPrefix? destination = CheckPrefix(faults, $"{field}.destination", match.Destination, match);
        faults.Require(
            source is null || destination is null || source.Value.IsIpv6 == destination.Value.IsIpv6,
            $"{field}.destination",
            "and the source are of IPv4 and IPv6: no packet is both");
        faults.Require(
            !match.HasIpProtocol || !match.HasEthertype || match.Ethertype is Ipv4 or Ipv6,
            $"{field}.ip_protocol",
            $"beside ethertype 0x{match.Ethertype:x4}, which is not IP");
    }

    private static IpPrefix? CheckPrefix(SpecFaults faults, string field, string text, SteeringMatch match)
    {
        if (text.Length == 0)
        {
            return null;
        }

        IpPrefix? prefix = IpPrefix.TryParse(text, out string fault);
        faults.Require(prefix is not null, field, fault);
        if (prefix is { IsIpv6: var isIpv6 } && match.HasEthertype)
        {
            faults.Require(
                match.Ethertype == (isIpv6 ? Ipv6 : Ipv4),
                field,
                $"is {(isIpv6 ? "IPv6" : "IPv4")} beside ethertype 0x{match.Ethertype:x4}: no packet is both");
        }

        return prefix;
    }

    private static void CheckPorts(SpecFaults faults, string field, PortRange? ports, SteeringMatch match)
    {
        if (ports is null)
        {
            return;
        }

        faults.Require(ports.First <= PortMax, $"{field}.first", $"{ports.First} is above {PortMax}");
        faults.Require(ports.Last <= PortMax, $"{field}.last", $"{ports.Last} is above {PortMax}");
        faults.Require(
            ports.First <= ports.Last, $"{field}.last", $"{ports.Last} is below the first port, {ports.First}");
        faults.Require(
            !match.HasIpProtocol || match.IpProtocol > byte.MaxValue || ProtocolsWithPorts.Contains(match.IpProtocol),
            field,
            $"beside ip_protocol {match.IpProtocol}, which has no ports: TCP, UDP and SCTP do");
    }

    private static void CheckMac(SpecFaults faults, string field, string mac)
    {
        string shown = mac.Length <= 32 ? mac : mac[..32] + "…";
        faults.Require(
            mac.Length == 0 || MacAddress.TryParse(mac) is not null,
            field,
            $"\"{shown}\" is not six pairs of hexadecimal digits with colons between");
    }
}
