using Nf.DataPlane.Vhost.Memory;
using Nf.DataPlane.Vhost.Protocol;
using Nf.Linux;

namespace Nf.DataPlane.Tests.Vhost.Protocol.Support;

/// <summary>One region of a guest's memory, and rings laid out in it.</summary>
internal sealed class GuestRam : IDisposable
{
    internal const ulong DefaultUser = 0x7f00_0000_0000;
    private const ulong RingStride = 0x10000;

    internal GuestRam(
        ulong guest = 0, ulong user = DefaultUser, ulong bytes = 0x40_0000, ulong offset = 0, long? fileBytes = null)
    {
        Layout = new GuestRegionLayout(guest, bytes, user, offset);
        File = MemFile.Create("guest", fileBytes ?? (long)(bytes + offset), new MemFileOptions());
    }

    internal GuestRegionLayout Layout { get; set; }

    internal FileDescriptor File { get; }

    /// <summary>Addresses of a ring of up to 1024 descriptors.</summary>
    internal VringAddressPayload RingAt(int index, uint flags = 0)
    {
        ulong start = Layout.UserAddress + ((ulong)index * RingStride);
        return new VringAddressPayload(
            (uint)index, flags, start, start + 0x6000, start + 0x4000, 0x6000 + ((ulong)index * RingStride));
    }

    public void Dispose() => File.Dispose();
}
