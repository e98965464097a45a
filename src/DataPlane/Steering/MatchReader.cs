using System.Globalization;
using Nf.DataPlane.Cpumaps;
using Nf.V1;

namespace Nf.DataPlane.Steering;

/// <summary>Turns the match of a rule into tests of words, naming every fault.</summary>
internal static class MatchReader
{
    private const int MacBytes = 6;

    /// <summary>Reads a match, all but its filter.</summary>
    /// <param name="match">The match; null matches every packet.</param>
    /// <param name="field">Its name in faults.</param>
    /// <param name="fault">Is told each fault.</param>
    internal static List<FieldRange> Read(SteeringMatch? match, string field, Action<string> fault)
    {
        var ranges = new List<FieldRange>();
        if (match is null)
        {
            return ranges;
        }

        AddNumber(match.HasEthertype, match.Ethertype, FlowField.Ethertype, 0x0600, 0xffff, "ethertype");
        AddVlan(match, field, ranges, fault);
        AddNumber(match.HasIpProtocol, match.IpProtocol, FlowField.Protocol, 0, 255, "ip_protocol");
        int source = AddPrefix(match.Source, FlowField.Source, $"{field}.source", ranges, fault);
        int destination = AddPrefix(match.Destination, FlowField.Destination, $"{field}.destination", ranges, fault);
        if (source != 0 && destination != 0 && source != destination)
        {
            fault($"{field}.destination \"{match.Destination}\": of another IP version than source");
        }
        else if (source + destination != 0)
        {
            uint version = (uint)Math.Max(source, destination);
            ranges.Insert(0, new FieldRange(FlowField.Version, version, version));
        }

        AddPorts(match.SourcePort, FlowField.SourcePort, $"{field}.source_port", ranges, fault);
        AddPorts(match.DestinationPort, FlowField.DestinationPort, $"{field}.destination_port", ranges, fault);
        AddMac(match.SourceMac, FlowField.SourceMac, $"{field}.source_mac", ranges, fault);
        AddMac(match.DestinationMac, FlowField.DestinationMac, $"{field}.destination_mac", ranges, fault);
        return ranges;

        void AddNumber(bool isSet, uint value, FlowField word, uint least, uint most, string name)
        {
            if (isSet && (value < least || value > most))
            {
                fault($"{field}.{name} {value}: {least} to {most}");
            }
            else if (isSet)
            {
                ranges.Add(new FieldRange(word, value, value));
            }
        }
    }

    private static void AddVlan(SteeringMatch match, string field, List<FieldRange> ranges, Action<string> fault)
    {
        if (match.HasVlan && match.Vlan >= Flow.Untagged)
        {
            fault($"{field}.vlan {match.Vlan}: 0 to {Flow.Untagged - 1}");
        }
        else if (match.HasVlan && match is { HasTagged: true, Tagged: false })
        {
            fault($"{field}.vlan {match.Vlan}: a packet without a tag (tagged: false) has none");
        }
        else if (match.HasVlan)
        {
            ranges.Add(new FieldRange(FlowField.Vlan, match.Vlan, match.Vlan));
        }
        else if (match.HasTagged)
        {
            ranges.Add(match.Tagged
                ? new FieldRange(FlowField.Vlan, 0, Flow.Untagged - 1)
                : new FieldRange(FlowField.Vlan, Flow.Untagged, Flow.Untagged));
        }
    }

    // Returns the IP version; 0 for no prefix.
    private static int AddPrefix(
        string text, FlowField word, string field, List<FieldRange> ranges, Action<string> fault)
    {
        if (text.Length == 0)
        {
            return 0;
        }

        if (!IpPrefix.TryParse(text, out IpPrefix prefix, out string what))
        {
            fault($"{field} {what}");
            return 0;
        }

        IpWords words = prefix.Words;
        for (int i = 0; i < (prefix.Version == 4 ? 1 : 4); i++)
        {
            uint mask = IpPrefix.Mask(prefix.Length, i);
            if (mask != 0)
            {
                ranges.Add(new FieldRange((int)word + i, words[i], words[i] | ~mask));
            }
        }

        return prefix.Version;
    }

    private static void AddPorts(
        PortRange? ports, FlowField word, string field, List<FieldRange> ranges, Action<string> fault)
    {
        if (ports is null)
        {
            return;
        }

        if (ports.First > ports.Last || ports.Last >= Flow.NoPort)
        {
            fault($"{field} {ports.First}-{ports.Last}: first to last, both 0 to {Flow.NoPort - 1}");
            return;
        }

        ranges.Add(new FieldRange(word, ports.First, ports.Last));
    }

    private static void AddMac(
        string text, FlowField word, string field, List<FieldRange> ranges, Action<string> fault)
    {
        if (text.Length == 0)
        {
            return;
        }

        string[] pairs = text.Split(':');
        ulong mac = 0;
        bool valid = pairs.Length == MacBytes;
        foreach (string pair in pairs)
        {
            valid &= pair.Length == 2
                & byte.TryParse(pair, NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out byte value);
            mac = (mac << 8) | value;
        }

        if (!valid)
        {
            fault($"{field} \"{text}\": six pairs of hexadecimal digits with colons between");
            return;
        }

        ranges.Add(new FieldRange((int)word, (uint)(mac >> 16), (uint)(mac >> 16)));
        ranges.Add(new FieldRange((int)word + 1, (uint)mac & 0xffff, (uint)mac & 0xffff));
    }
}
