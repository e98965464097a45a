using System.Reflection;
using System.Runtime.CompilerServices;
using System.Text;

namespace Nf.SharedMemory.Segments;

/// <summary>
/// Where things are in the segment, and a hash by which a reader knows that it agrees with the writer.
/// </summary>
public static class SegmentLayout
{
    /// <summary>"NFSEGMNT" read as a little-endian number.</summary>
    public const ulong Magic = 0x544E4D4745534E46;

    /// <summary>Most workers: as many as a machine of this size gives CPUs to packets. Arbitrary.</summary>
    public const int WorkerCountMax = 32;

    /// <summary>Most sockets and queue pairs of vhost devices. Arbitrary; 512 bytes each.</summary>
    public const int PortCountMax = 256;

    /// <summary>Most UMEMs. Arbitrary; 128 bytes each.</summary>
    public const int UmemCountMax = 64;

    /// <summary>Most entries of cpumaps. Arbitrary; 192 bytes each.</summary>
    public const int CpumapEntryCountMax = 256;

    /// <summary>Most rules of steerings, the two that stand for no rule included. Arbitrary; 64 bytes each.</summary>
    public const int SteeringRuleCountMax = 2048;

    internal static readonly int HeartbeatOffset = Unsafe.SizeOf<SegmentHeader>();
    internal static readonly int WorkersOffset = HeartbeatOffset + Unsafe.SizeOf<SegmentHeartbeat>();
    internal static readonly int PortsOffset = WorkersOffset + (WorkerCountMax * Unsafe.SizeOf<WorkerSlot>());
    internal static readonly int UmemsOffset = PortsOffset + (PortCountMax * Unsafe.SizeOf<PortSlot>());
    internal static readonly int CpumapEntriesOffset = UmemsOffset + (UmemCountMax * Unsafe.SizeOf<UmemSlot>());
    internal static readonly int SteeringRulesOffset =
        CpumapEntriesOffset + (CpumapEntryCountMax * Unsafe.SizeOf<CpumapEntrySlot>());

    /// <summary>Bytes of the segment: whole 4 KiB pages.</summary>
    public static readonly int SizeBytes =
        (SteeringRulesOffset + (SteeringRuleCountMax * Unsafe.SizeOf<SteeringRuleSlot>()) + 4095) & ~4095;

    /// <summary>FNV-1a hash of every struct, field name, type and count of the layout.</summary>
    public static readonly ulong Hash = ComputeHash();

    private static ulong ComputeHash()
    {
        var text = new StringBuilder();
        Type[] types =
        [
            typeof(SegmentHeader), typeof(SegmentHeartbeat), typeof(WorkerSlot), typeof(WorkerIdentity),
            typeof(WorkerCounters), typeof(PortSlot), typeof(PortIdentity), typeof(PortTraffic), typeof(PortDrops),
            typeof(PortRings), typeof(PortKernel), typeof(PortVhost), typeof(UmemSlot), typeof(UmemIdentity),
            typeof(UmemCounters), typeof(CpumapEntrySlot), typeof(CpumapEntryIdentity), typeof(CpumapEntryIn),
            typeof(CpumapEntryOut), typeof(SteeringRuleSlot),
        ];
        foreach (Type type in types)
        {
            text.Append(type.Name).Append('{');
            foreach (FieldInfo field in type.GetFields(
                         BindingFlags.Instance | BindingFlags.Public | BindingFlags.NonPublic))
            {
                text.Append(field.Name).Append(':').Append(field.FieldType.Name).Append(';');
            }

            text.Append('}');
        }

        text.Append(WorkerCountMax).Append(',').Append(PortCountMax).Append(',').Append(UmemCountMax)
            .Append(',').Append(CpumapEntryCountMax).Append(',').Append(SteeringRuleCountMax)
            .Append(',').Append(DropReasons.Count).Append(',').Append(SizeBytes);

        ulong hash = 14695981039346656037;
        foreach (char c in text.ToString())
        {
            hash = (hash ^ c) * 1099511628211;
        }

        return hash;
    }
}
