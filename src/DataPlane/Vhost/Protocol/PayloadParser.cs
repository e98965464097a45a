using System.Runtime.InteropServices;
using Nf.DataPlane.Vhost.Memory;

namespace Nf.DataPlane.Vhost.Protocol;

/// <summary>
/// Turns payloads into values: no socket, no descriptors, no state. That a payload has a size its request can have is
/// checked before (<see cref="PayloadRule"/>); that it is consistent in itself is checked here.
/// </summary>
internal static class PayloadParser
{
    /// <summary>Most regions in SET_MEM_TABLE (VHOST_USER_MAX_RAM_SLOTS of the specification).</summary>
    internal const int TableRegionsMax = 8;

    /// <summary>Bytes before the regions of SET_MEM_TABLE, and before the region of ADD_MEM_REG.</summary>
    internal const int RegionsOffset = 8;

    /// <summary>Bytes of one region.</summary>
    internal const int RegionBytes = 32;

    private const ulong VringIndexMask = 0xff;
    private const ulong VringNoDescriptor = 0x100;
    private const int InflightBytesOld = 20;

    internal static ulong ParseNumber(ReadOnlySpan<byte> payload) => MemoryMarshal.Read<ulong>(payload);

    internal static VringStatePayload ParseVringState(ReadOnlySpan<byte> payload) =>
        MemoryMarshal.Read<VringStatePayload>(payload);

    internal static VringAddressPayload ParseVringAddress(ReadOnlySpan<byte> payload) =>
        MemoryMarshal.Read<VringAddressPayload>(payload);

    /// <summary>Bits above the ninth mean nothing and are ignored.</summary>
    internal static VringFilePayload ParseVringFile(ReadOnlySpan<byte> payload)
    {
        ulong value = ParseNumber(payload);
        return new VringFilePayload((int)(value & VringIndexMask), (value & VringNoDescriptor) != 0);
    }

    internal static SharedFilePayload ParseSharedFile(ReadOnlySpan<byte> payload) =>
        MemoryMarshal.Read<SharedFilePayload>(payload);

    internal static DeviceStatePayload ParseDeviceState(ReadOnlySpan<byte> payload) =>
        MemoryMarshal.Read<DeviceStatePayload>(payload);

    /// <summary>24 bytes; 20 when the sender's compiler added no padding.</summary>
    internal static InflightPayload ParseInflight(ReadOnlySpan<byte> payload)
    {
        Span<byte> whole = stackalloc byte[InflightBytesOld + sizeof(uint)];
        payload.CopyTo(whole);
        return MemoryMarshal.Read<InflightPayload>(whole);
    }

    /// <summary>The regions of SET_MEM_TABLE.</summary>
    /// <exception cref="VhostFatalException">The count does not fit the size.</exception>
    /// <exception cref="VhostRefusedException">The count or the padding breaks a rule.</exception>
    internal static GuestRegionLayout[] ParseMemoryTable(ReadOnlySpan<byte> payload)
    {
        uint count = MemoryMarshal.Read<uint>(payload);
        uint padding = MemoryMarshal.Read<uint>(payload[sizeof(uint)..]);
        if (payload.Length != RegionsOffset + ((long)RegionBytes * count))
        {
            throw new VhostFatalException(
                VhostFaultKind.Framing, $"SET_MEM_TABLE: size {payload.Length}, must be 8 + 32 x {count} regions");
        }

        if (count is 0 or > TableRegionsMax)
        {
            throw new VhostRefusedException(
                $"SET_MEM_TABLE: nregions {count}, must be 1 to {TableRegionsMax}", VhostFaultKind.BadValue);
        }

        if (padding != 0)
        {
            throw new VhostRefusedException(
                $"SET_MEM_TABLE: padding 0x{padding:x}, must be 0", VhostFaultKind.BadValue);
        }

        var regions = new GuestRegionLayout[count];
        for (int i = 0; i < regions.Length; i++)
        {
            regions[i] = ParseRegion(payload[(RegionsOffset + (i * RegionBytes))..]);
        }

        return regions;
    }

    /// <summary>The region of ADD_MEM_REG and REM_MEM_REG.</summary>
    internal static GuestRegionLayout ParseSingleRegion(ReadOnlySpan<byte> payload) =>
        ParseRegion(payload[RegionsOffset..]);

    /// <summary>A piece of the configuration space, and its bytes.</summary>
    /// <exception cref="VhostFatalException">Its size is not what the payload says.</exception>
    internal static ConfigPayload ParseConfig(ReadOnlySpan<byte> payload, out ReadOnlySpan<byte> bytes)
    {
        ConfigPayload config = MemoryMarshal.Read<ConfigPayload>(payload);
        bytes = payload[ConfigPayload.Bytes..];
        return config.Size == bytes.Length
            ? config
            : throw new VhostFatalException(
                VhostFaultKind.Framing,
                $"GET_CONFIG or SET_CONFIG: size {config.Size}, but {bytes.Length} bytes of it came");
    }

    private static GuestRegionLayout ParseRegion(ReadOnlySpan<byte> bytes) => new(
        GuestAddress: MemoryMarshal.Read<ulong>(bytes),
        SizeBytes: MemoryMarshal.Read<ulong>(bytes[8..]),
        UserAddress: MemoryMarshal.Read<ulong>(bytes[16..]),
        FileOffset: MemoryMarshal.Read<ulong>(bytes[24..]));
}
