using Nf.DataPlane.Ports;

namespace Nf.DataPlane.Control;

/// <summary>What a link or a bridge can connect: a socket, or a vhost device with all its queue pairs.</summary>
internal interface IConnectable
{
    /// <summary>"xsk_socket" or "vhost_device".</summary>
    string Type { get; }

    string Name { get; }

    /// <summary>The group that its ports belong to.</summary>
    IPortGroup Group { get; }

    /// <summary>What connects it: at most one.</summary>
    IConnection? Connection { get; set; }

    /// <summary>Why it carries no traffic now; empty when it does.</summary>
    string WhyDown { get; }

    /// <summary>True while it is only waited for: nothing new may use it.</summary>
    bool IsEnding { get; }

    /// <summary>What it receives by, in a fixed order; null where there is nothing yet.</summary>
    IReadOnlyList<Port?> Ports { get; }

    /// <summary>What can be sent by now: those of <see cref="Ports"/> whose other side takes frames. Never
    /// empty.</summary>
    IReadOnlyList<Port?> Targets { get; }
}

/// <summary>What can be said of everything that can be connected.</summary>
internal static class Connectables
{
    /// <summary>Its kind and name, for people.</summary>
    internal static string Describe(this IConnectable member) =>
        $"{(member is XskResource ? "socket" : "vhost device")} \"{member.Name}\"";
}
