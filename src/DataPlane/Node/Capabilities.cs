using System.Globalization;

namespace Nf.DataPlane.Node;

/// <summary>A capability the data plane may need, and what is lost without it.</summary>
/// <param name="Name">As capabilities(7) has it.</param>
/// <param name="Bit">Its number (linux/capability.h).</param>
/// <param name="Purpose">What it is for.</param>
internal sealed record Capability(string Name, int Bit, string Purpose);

/// <summary>The capabilities this process works with.</summary>
internal static class Capabilities
{
    private const string StatusPath = "/proc/self/status";
    private const string EffectiveLine = "CapEff:";

    /// <summary>The ones that matter here, most needed first.</summary>
    internal static IReadOnlyList<Capability> Needed { get; } =
    [
        new("CAP_NET_RAW", 13, "AF_XDP sockets"),
        new("CAP_NET_ADMIN", 12, "XDP programs on interfaces, XSK maps, preferred busy polling, channel settings"),
        new("CAP_BPF", 39, "loading BPF programs and maps"),
        new("CAP_PERFMON", 38, "tracing programs"),
        new("CAP_IPC_LOCK", 14, "UMEMs beyond RLIMIT_MEMLOCK"),
        new("CAP_SYS_ADMIN", 21, "interfaces in other network namespaces"),
    ];

    /// <summary>The effective set as a mask of bits.</summary>
    internal static ulong ReadEffective()
    {
        string line = File.ReadLines(StatusPath)
            .First(text => text.StartsWith(EffectiveLine, StringComparison.Ordinal));
        return ParseMask(line[EffectiveLine.Length..]);
    }

    /// <summary>Reads the kernel's hexadecimal form.</summary>
    internal static ulong ParseMask(string text) =>
        ulong.Parse(text.Trim(), NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture);
}
