using Nf.V1;

namespace Nf.Ctl.Parsing;

/// <summary>
/// Ends of links and bridges: sockets separated by commas, or <c>vhost:NAME</c>; with <c>@CPUMAP[:SELECTION]</c> after
/// it, their frames are spread over CPUs.
/// </summary>
internal static class Endpoints
{
    /// <summary>Before the name of a vhost-user device.</summary>
    internal const string VhostPrefix = "vhost:";

    /// <summary><c>left-0,left-1</c>, <c>vhost:vm1</c> or <c>vhost:vm1@fan:round-robin</c>.</summary>
    /// <exception cref="FormatException">An empty name, or a device beside something else.</exception>
    internal static Endpoint Parse(string text)
    {
        int at = text.IndexOf('@', StringComparison.Ordinal);
        Endpoint endpoint = ParseMembers(at < 0 ? text : text[..at]);
        endpoint.Cpumap = at < 0 ? null : ParseCpumap(text[(at + 1)..]);
        return endpoint;
    }

    /// <summary>An endpoint as it is written.</summary>
    internal static string Format(Endpoint? endpoint)
    {
        if (endpoint is null)
        {
            return "";
        }

        string members = endpoint.VhostDevice.Length > 0
            ? VhostPrefix + endpoint.VhostDevice
            : string.Join(',', endpoint.XskSockets);
        return endpoint.Cpumap is { } cpumap
            ? $"{members}@{cpumap.Cpumap}:{Selections.Format(cpumap.Selection)}"
            : members;
    }

    private static Endpoint ParseMembers(string text)
    {
        string[] names = Lists.Names(text);
        if (!names.Any(n => n.StartsWith(VhostPrefix, StringComparison.Ordinal)))
        {
            return new Endpoint { XskSockets = { names } };
        }

        string device = names[0][Math.Min(VhostPrefix.Length, names[0].Length)..];
        return names.Length == 1 && device.Length > 0
            ? new Endpoint { VhostDevice = device }
            : throw new FormatException($"'{text}' is no endpoint; write one vhost:NAME, or sockets with commas");
    }

    private static EndpointCpumap ParseCpumap(string text)
    {
        int colon = text.IndexOf(':', StringComparison.Ordinal);
        string name = colon < 0 ? text : text[..colon];
        return name.Length == 0
            ? throw new FormatException("'@' has no cpumap after it; write it like vhost:vm1@fan:hash")
            : new EndpointCpumap
            {
                Cpumap = name,
                Selection = colon < 0 ? null : Selections.Parse(text[(colon + 1)..]),
            };
    }
}
