using System.Runtime.InteropServices;
using Nf.DataPlane.Vhost.Memory;
using Nf.DataPlane.Vhost.Protocol;
using Nf.Linux;

namespace Nf.DataPlane.Tests.Vhost.Protocol.Support;

/// <summary>A reply as it came: its header word for word.</summary>
internal sealed record Reply(uint Request, uint Flags, byte[] Payload, FileDescriptor[] Descriptors)
{
    internal ulong Number => MemoryMarshal.Read<ulong>(Payload);

    internal T As<T>()
        where T : unmanaged => MemoryMarshal.Read<T>(Payload);
}

/// <summary>Bytes of messages, right and wrong ones.</summary>
internal static class Messages
{
    internal static byte[] Of(uint request, ReadOnlySpan<byte> payload, uint flags = 1) =>
        WithHeader(request, flags, (uint)payload.Length, payload);

    internal static byte[] WithHeader(uint request, uint flags, uint size, ReadOnlySpan<byte> payload)
    {
        var bytes = new byte[12 + payload.Length];
        MemoryMarshal.Write(bytes, request);
        MemoryMarshal.Write(bytes.AsSpan(4), flags);
        MemoryMarshal.Write(bytes.AsSpan(8), size);
        payload.CopyTo(bytes.AsSpan(12));
        return bytes;
    }

    internal static byte[] Payload<T>(T value)
        where T : unmanaged
    {
        var bytes = new byte[Marshal.SizeOf<T>()];
        MemoryMarshal.Write(bytes, value);
        return bytes;
    }

    internal static byte[] Number(ulong value) => Payload(value);

    internal static byte[] State(uint index, uint num) => Payload(new VringStatePayload(index, num));

    internal static byte[] Table(params GuestRegionLayout[] regions) => Table((uint)regions.Length, 0, regions);

    internal static byte[] Table(uint count, uint padding, params GuestRegionLayout[] regions) =>
        [.. Payload(count), .. Payload(padding), .. regions.SelectMany(Payload)];

    internal static byte[] SingleRegion(GuestRegionLayout region) => [.. new byte[8], .. Payload(region)];

    internal static byte[] Config(uint offset, uint size, uint flags, ReadOnlySpan<byte> bytes) =>
        [.. Payload(new ConfigPayload(offset, size, flags)), .. bytes];
}
