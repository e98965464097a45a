using System.Runtime.InteropServices;

namespace Nf.DataPlane.Vhost.Protocol;

/// <summary>A number for a ring (struct vhost_vring_state).</summary>
[StructLayout(LayoutKind.Sequential, Pack = 1)]
internal readonly record struct VringStatePayload(uint Index, uint Num);

/// <summary>Where the parts of a ring are, as the front-end sees them (struct vhost_vring_addr).</summary>
[StructLayout(LayoutKind.Sequential, Pack = 1)]
internal readonly record struct VringAddressPayload(
    uint Index, uint Flags, ulong Descriptors, ulong Used, ulong Available, ulong LogAddress)
{
    /// <summary>Writes to the used ring are to be logged (VHOST_VRING_F_LOG).</summary>
    internal const uint LogFlag = 1;

    internal bool LogsUsed => (Flags & LogFlag) != 0;

    /// <summary>Whether it names the same memory, whatever is to be logged.</summary>
    internal bool IsSamePlace(in VringAddressPayload other) =>
        Descriptors == other.Descriptors && Used == other.Used && Available == other.Available;
}

/// <summary>Which ring a descriptor is for, and whether there is one.</summary>
internal readonly record struct VringFilePayload(int Index, bool HasNoDescriptor);

/// <summary>Part of a file that both sides map (the dirty log).</summary>
[StructLayout(LayoutKind.Sequential, Pack = 1)]
internal readonly record struct SharedFilePayload(ulong SizeBytes, ulong Offset);

/// <summary>The inflight region.</summary>
[StructLayout(LayoutKind.Sequential, Pack = 1)]
internal readonly record struct InflightPayload(
    ulong SizeBytes, ulong Offset, ushort Queues, ushort QueueSize, uint Padding);

/// <summary>A piece of the configuration space; its bytes follow.</summary>
[StructLayout(LayoutKind.Sequential, Pack = 1)]
internal readonly record struct ConfigPayload(uint Offset, uint Size, uint Flags)
{
    internal const int Bytes = 12;

    /// <summary>Bytes of the configuration space.</summary>
    internal const uint SpaceBytes = 256;

    /// <summary>The writer is a migration, not the guest (VHOST_USER_CONFIG…, flags of SET_CONFIG).</summary>
    internal const uint MigrationFlag = 1;
}

/// <summary>Which way the state of the device goes, and when.</summary>
[StructLayout(LayoutKind.Sequential, Pack = 1)]
internal readonly record struct DeviceStatePayload(uint Direction, uint Phase)
{
    internal const uint Save = 0;
    internal const uint Load = 1;
    internal const uint Stopped = 0;
}
