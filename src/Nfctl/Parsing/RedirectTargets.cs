using Nf.V1;

namespace Nf.Ctl.Parsing;

/// <summary>Where a program redirects to: an interface, <c>xsk:NAME</c> or <c>vhost:NAME</c>.</summary>
internal static class RedirectTargets
{
    /// <summary>Before the name of a socket.</summary>
    internal const string XskPrefix = "xsk:";

    /// <exception cref="FormatException">An empty name.</exception>
    internal static RedirectTarget Parse(string text)
    {
        var target = new RedirectTarget();
        string name = text;
        if (text.StartsWith(XskPrefix, StringComparison.Ordinal))
        {
            target.XskSocket = name = text[XskPrefix.Length..];
        }
        else if (text.StartsWith(Endpoints.VhostPrefix, StringComparison.Ordinal))
        {
            target.VhostDevice = name = text[Endpoints.VhostPrefix.Length..];
        }
        else
        {
            target.Interface = text;
        }

        return name.Length > 0
            ? target
            : throw new FormatException($"'{text}' is no target; write an interface, xsk:NAME or vhost:NAME");
    }

    /// <summary>A target as it is written.</summary>
    internal static string Format(RedirectTarget? target) => target?.ToCase switch
    {
        RedirectTarget.ToOneofCase.Interface => target.Interface,
        RedirectTarget.ToOneofCase.XskSocket => XskPrefix + target.XskSocket,
        RedirectTarget.ToOneofCase.VhostDevice => Endpoints.VhostPrefix + target.VhostDevice,
        _ => "",
    };
}
