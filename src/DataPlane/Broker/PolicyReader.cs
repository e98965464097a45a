using System.Globalization;
using System.Text.Json;
using Nf.SharedMemory.Broker;

namespace Nf.DataPlane.Broker;

/// <summary>Reads a policy file. Pure: text in, rules or every fault at once out.</summary>
internal static class PolicyReader
{
    /// <summary>Bytes of a file; arbitrary.</summary>
    internal const int FileBytesMax = 1 << 20;

    /// <summary>Rules; arbitrary.</summary>
    internal const int RuleCountMax = 1000;

    private static readonly string[] Known =
    [
        "uids", "gids", "cgroup", "interfaces", "queues", "network_namespaces", "memory", "leases_max",
        "memory_bytes_max", "keep_seconds_max", "privileged",
    ];

    /// <summary>Reads the text of a file.</summary>
    /// <param name="json">Comments and trailing commas are taken.</param>
    /// <param name="policy">What it says; null when anything is wrong.</param>
    /// <returns>Everything that is wrong: where, the value and the rule.</returns>
    internal static IReadOnlyList<string> Read(string json, out BrokerPolicy? policy)
    {
        policy = null;
        var faults = new List<string>();
        try
        {
            var lenient = new JsonDocumentOptions
            {
                CommentHandling = JsonCommentHandling.Skip,
                AllowTrailingCommas = true,
            };
            using JsonDocument document = JsonDocument.Parse(json, lenient);
            JsonElement root = document.RootElement;
            if (root.ValueKind != JsonValueKind.Object || !root.TryGetProperty("rules", out JsonElement list)
                || list.ValueKind != JsonValueKind.Array || root.EnumerateObject().Count() != 1)
            {
                return ["the file is an object with one member, \"rules\", a list"];
            }

            if (list.GetArrayLength() > RuleCountMax)
            {
                return [$"rules: {list.GetArrayLength()}, at most {RuleCountMax}"];
            }

            PolicyRule[] rules = [.. list.EnumerateArray().Select((rule, i) => ReadRule(rule, $"rules[{i}]", faults))];
            policy = faults.Count == 0 ? new BrokerPolicy(rules) : null;
        }
        catch (JsonException wrong)
        {
            faults.Add(wrong.Message);
        }

        return faults;
    }

    private static PolicyRule ReadRule(JsonElement rule, string where, List<string> faults)
    {
        var read = new PolicyRule();
        if (rule.ValueKind != JsonValueKind.Object)
        {
            faults.Add($"{where}: an object");
            return read;
        }

        foreach (JsonProperty member in rule.EnumerateObject().Where(m => !Known.Contains(m.Name)))
        {
            faults.Add($"{where}.{member.Name}: unknown, the members are {string.Join(", ", Known)}");
        }

        if (!rule.TryGetProperty("uids", out _) && !rule.TryGetProperty("gids", out _)
            && !rule.TryGetProperty("cgroup", out _))
        {
            faults.Add(
                $"{where}: says of nobody that it is about them: uids, gids or cgroup (\"uids\": [\"*\"] for all)");
        }

        var members = new Members(rule, where, faults);
        return read with
        {
            Uids = members.Ranges("uids"),
            Gids = members.Ranges("gids"),
            Cgroup = members.Cgroup(),
            Interfaces = members.Strings("interfaces", read.Interfaces),
            Queues = members.Ranges("queues") ?? read.Queues,
            Namespaces = members.Word("network_namespaces", read.Namespaces),
            Memory = members.Kinds(read.Memory),
            LeaseCountMax = (uint)members.Number("leases_max", read.LeaseCountMax, BrokerLimits.LeaseCountMax),
            MemoryBytesMax = members.Number("memory_bytes_max", read.MemoryBytesMax, BrokerProtocol.MemoryBytesMax),
            KeepSecondsMax = (uint)members.Number(
                "keep_seconds_max", read.KeepSecondsMax, BrokerProtocol.KeepSecondsMax),
            Privileged = members.Flag("privileged"),
        };
    }

    /// <summary>The members of one rule, each read in its way.</summary>
    private readonly struct Members(JsonElement rule, string where, List<string> faults)
    {
        internal List<NumberRange>? Ranges(string name)
        {
            if (!rule.TryGetProperty(name, out JsonElement list))
            {
                return null;
            }

            var ranges = new List<NumberRange>();
            foreach (JsonElement item in Items(name, list))
            {
                string text = item.ValueKind == JsonValueKind.String ? item.GetString()! : item.GetRawText();
                if (TryParse(text, out NumberRange range))
                {
                    ranges.Add(range);
                }
                else
                {
                    faults.Add($"{where}.{name}: {item.GetRawText()} is no number, no \"first-last\" and no \"*\"");
                }
            }

            return ranges;
        }

        internal IReadOnlyList<string> Strings(string name, IReadOnlyList<string> otherwise)
        {
            if (!rule.TryGetProperty(name, out JsonElement list))
            {
                return otherwise;
            }

            var strings = new List<string>();
            foreach (JsonElement item in Items(name, list))
            {
                if (item.ValueKind == JsonValueKind.String && item.GetString() is { Length: > 0 } text)
                {
                    strings.Add(text);
                }
                else
                {
                    faults.Add($"{where}.{name}: {item.GetRawText()} is no text");
                }
            }

            return strings;
        }

        internal string Cgroup()
        {
            if (!rule.TryGetProperty("cgroup", out JsonElement value))
            {
                return "";
            }

            string text = value.ValueKind == JsonValueKind.String ? value.GetString()! : "";
            if (!text.StartsWith('/'))
            {
                faults.Add($"{where}.cgroup: {value.GetRawText()} does not begin with /");
            }

            return text;
        }

        internal IReadOnlyList<LeaseMemoryKind> Kinds(IReadOnlyList<LeaseMemoryKind> otherwise)
        {
            if (!rule.TryGetProperty("memory", out _))
            {
                return otherwise;
            }

            var kinds = new List<LeaseMemoryKind>();
            foreach (string word in Strings("memory", []))
            {
                if (word is "service" or "user" or "own")
                {
                    kinds.Add(Enum.Parse<LeaseMemoryKind>(word, ignoreCase: true));
                }
                else
                {
                    faults.Add($"{where}.memory: \"{word}\" is not service, user or own");
                }
            }

            return kinds;
        }

        internal PolicyNamespaces Word(string name, PolicyNamespaces otherwise)
        {
            if (!rule.TryGetProperty(name, out JsonElement value))
            {
                return otherwise;
            }

            switch (value.ValueKind == JsonValueKind.String ? value.GetString() : null)
            {
                case "data_plane":
                    return PolicyNamespaces.DataPlane;
                case "client":
                    return PolicyNamespaces.Client;
                case "any":
                    return PolicyNamespaces.Any;
                default:
                    faults.Add($"{where}.{name}: {value.GetRawText()} is not data_plane, client or any");
                    return otherwise;
            }
        }

        internal ulong Number(string name, ulong otherwise, ulong max)
        {
            if (!rule.TryGetProperty(name, out JsonElement value))
            {
                return otherwise;
            }

            if (value.ValueKind == JsonValueKind.Number && value.TryGetUInt64(out ulong number) && number <= max)
            {
                return number;
            }

            faults.Add($"{where}.{name}: {value.GetRawText()} is no number from 0 to {max}");
            return otherwise;
        }

        internal bool Flag(string name)
        {
            if (!rule.TryGetProperty(name, out JsonElement value))
            {
                return false;
            }

            if (value.ValueKind is not (JsonValueKind.True or JsonValueKind.False))
            {
                faults.Add($"{where}.{name}: {value.GetRawText()} is not true or false");
            }

            return value.ValueKind == JsonValueKind.True;
        }

        private JsonElement[] Items(string name, JsonElement list)
        {
            if (list.ValueKind == JsonValueKind.Array && list.GetArrayLength() > 0)
            {
                return [.. list.EnumerateArray()];
            }

            faults.Add($"{where}.{name}: a list that is not empty");
            return [];
        }

        private static bool TryParse(string text, out NumberRange range)
        {
            range = NumberRange.All;
            if (text == "*")
            {
                return true;
            }

            string[] ends = text.Split('-');
            bool good = uint.TryParse(ends[0], NumberStyles.None, CultureInfo.InvariantCulture, out uint first)
                & uint.TryParse(ends[^1], NumberStyles.None, CultureInfo.InvariantCulture, out uint last);
            range = new NumberRange(first, last);
            return good && ends.Length <= 2 && first <= last;
        }
    }
}
