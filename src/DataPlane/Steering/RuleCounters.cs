using System.Runtime.InteropServices;

namespace Nf.DataPlane.Steering;

/// <summary>What a rule matched, on one CPU: a value of the counters map.</summary>
[StructLayout(LayoutKind.Sequential)]
internal struct RuleCounters
{
    /// <summary>Where <see cref="Packets"/> is, in bytes.</summary>
    internal const int PacketsOffset = 0;

    /// <summary>Where <see cref="Bytes"/> is.</summary>
    internal const int BytesOffset = 8;

    /// <summary>Packets.</summary>
    internal ulong Packets;

    /// <summary>Bytes of them.</summary>
    internal ulong Bytes;
}
