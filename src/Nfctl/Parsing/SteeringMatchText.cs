using System.Globalization;
using Nf.V1;

namespace Nf.Ctl.Parsing;

/// <summary>
/// What a packet has to be, as people write it: <c>tcp src 10.0.0.0/8 dport 80-443</c>; <c>filter …</c> takes the rest
/// as a pcap filter.
/// </summary>
internal static class SteeringMatchText
{
    private const string Usage =
        "write any, or some of ipv4 ipv6 arp tcp udp sctp icmp icmp6 tagged untagged, ethertype N, vlan N, proto N, "
        + "src PREFIX, dst PREFIX, sport N[-N], dport N[-N], smac MAC, dmac MAC, and filter EXPRESSION at the end";

    private static readonly (string Word, uint Value)[] Ethertypes =
        [("ipv4", 0x0800), ("ipv6", 0x86dd), ("arp", 0x0806)];

    private static readonly (string Word, uint Value)[] Protocols =
        [("tcp", 6), ("udp", 17), ("sctp", 132), ("icmp", 1), ("icmp6", 58)];

    /// <summary>A match; nothing, or <c>any</c>, holds for every packet.</summary>
    /// <exception cref="FormatException">A word that is none, or twice.</exception>
    internal static SteeringMatch Parse(string text)
    {
        var match = new SteeringMatch();
        var words = new Queue<string>(text.Split(' ', StringSplitOptions.RemoveEmptyEntries));
        HashSet<string> seen = [];
        while (words.TryDequeue(out string? word))
        {
            if (word == "filter")
            {
                // As it was written, blanks included.
                int start = text.IndexOf("filter ", StringComparison.Ordinal);
                match.Filter = start < 0 ? "" : text[(start + "filter ".Length)..].Trim();
                return match.Filter.Length > 0 ? match : throw new FormatException("'filter' has no expression");
            }

            string kind = Take(match, word, words);
            if (!seen.Add(kind))
            {
                throw new FormatException($"'{word}': the {kind} is given twice");
            }
        }

        return match;
    }

    /// <summary>A match as it is written.</summary>
    internal static string Format(SteeringMatch? match)
    {
        List<string> words = [];
        if (match is not null)
        {
            Add(words, match.HasEthertype, Named(Ethertypes, match.Ethertype, $"ethertype 0x{match.Ethertype:x4}"));
            Add(words, match.HasTagged, match.Tagged ? "tagged" : "untagged");
            Add(words, match.HasVlan, $"vlan {match.Vlan}");
            Add(words, match.HasIpProtocol, Named(Protocols, match.IpProtocol, $"proto {match.IpProtocol}"));
            Add(words, match.Source.Length > 0, $"src {match.Source}");
            Add(words, match.Destination.Length > 0, $"dst {match.Destination}");
            Add(words, match.SourcePort is not null, $"sport {Format(match.SourcePort)}");
            Add(words, match.DestinationPort is not null, $"dport {Format(match.DestinationPort)}");
            Add(words, match.SourceMac.Length > 0, $"smac {match.SourceMac}");
            Add(words, match.DestinationMac.Length > 0, $"dmac {match.DestinationMac}");
            Add(words, match.Filter.Length > 0, $"filter {match.Filter}");
        }

        return words.Count == 0 ? "any" : string.Join(' ', words);
    }

    /// <returns>What kind of condition it was.</returns>
    private static string Take(SteeringMatch match, string word, Queue<string> words)
    {
        if (Array.Find(Ethertypes, e => e.Word == word).Value is > 0 and var ethertype)
        {
            match.Ethertype = ethertype;
            return "ethertype";
        }

        if (Array.Find(Protocols, p => p.Word == word).Value is > 0 and var protocol)
        {
            match.IpProtocol = protocol;
            return "protocol";
        }

        if (word is "any" or "tagged" or "untagged")
        {
            match.Tagged = word == "tagged";
            if (word == "any")
            {
                match.ClearTagged();
            }

            return word == "any" ? word : "tag";
        }

        return TakeValue(match, word, words);
    }

    private static string TakeValue(SteeringMatch match, string word, Queue<string> words)
    {
        string Value() => words.TryDequeue(out string? value)
            ? value
            : throw new FormatException($"'{word}' has no value after it");
        switch (word)
        {
            case "ethertype":
                match.Ethertype = Number(Value());
                return "ethertype";
            case "vlan":
                match.Vlan = Number(Value());
                return "vlan";
            case "proto":
                match.IpProtocol = Number(Value());
                return "protocol";
            case "src":
                match.Source = PrefixFile.Whole(Value());
                return "source";
            case "dst":
                match.Destination = PrefixFile.Whole(Value());
                return "destination";
            case "sport":
                match.SourcePort = Ports(Value());
                return "source port";
            case "dport":
                match.DestinationPort = Ports(Value());
                return "destination port";
            case "smac":
                match.SourceMac = Value();
                return "source MAC";
            case "dmac":
                match.DestinationMac = Value();
                return "destination MAC";
            default:
                throw new FormatException($"'{word}' is no condition; {Usage}");
        }
    }

    private static uint Number(string text) =>
        text.StartsWith("0x", StringComparison.Ordinal)
            && uint.TryParse(text.AsSpan(2), NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out uint hex)
            ? hex
            : Numbers.UInt32(text);

    private static PortRange Ports(string text)
    {
        int dash = text.IndexOf('-', StringComparison.Ordinal);
        return dash < 0
            ? new PortRange { First = Numbers.UInt32(text), Last = Numbers.UInt32(text) }
            : new PortRange { First = Numbers.UInt32(text[..dash]), Last = Numbers.UInt32(text[(dash + 1)..]) };
    }

    private static string Format(PortRange? ports) =>
        ports is null || ports.First == ports.Last ? $"{ports?.First}" : $"{ports.First}-{ports.Last}";

    private static string Named((string Word, uint Value)[] names, uint value, string otherwise) =>
        Array.Find(names, n => n.Value == value).Word ?? otherwise;

    private static void Add(List<string> words, bool isGiven, string word)
    {
        if (isGiven)
        {
            words.Add(word);
        }
    }
}
