using Nf.DataPlane.Vhost.Memory;
using Nf.Linux;

namespace Nf.DataPlane.Tests.Vhost.Rings;

/// <summary>The memory of a guest as its driver sees it: regions of memory files, and addresses handed out of
/// them.</summary>
internal sealed unsafe class GuestRam : IDisposable
{
    internal const ulong Start = 0x4000_0000;

    private readonly List<(GuestRegionLayout Layout, FileDescriptor File, MappedMemory Map)> _regions = [];
    private ulong _next = Start;

    /// <param name="regionBytes">Sizes of regions; each follows the one before for the guest, but not for us.</param>
    internal GuestRam(params ulong[] regionBytes)
    {
        ulong address = Start;
        foreach (ulong bytes in regionBytes.Length == 0 ? [4UL << 20] : regionBytes)
        {
            FileDescriptor file = MemFile.Create("nf-test-guest", (long)bytes, default);
            var layout = new GuestRegionLayout(address, bytes, 0x7000_0000_0000 + address, 0);
            _regions.Add((layout, file, MappedMemory.Map(file, 0, (long)bytes, MapAccess.ReadWrite)));
            address += bytes;
        }

        End = address;
        Memory = GuestMemory.Map([.. _regions.Select(r => (r.Layout, r.File))]);
    }

    /// <summary>First address behind the last region.</summary>
    internal ulong End { get; }

    internal GuestMemory Memory { get; }

    /// <summary>Takes fresh memory.</summary>
    internal ulong Take(ulong bytes, ulong align = 64)
    {
        ulong address = (_next + align - 1) / align * align;
        _next = address + bytes;
        Assert.True(_next <= End, "the guest's memory is used up");
        return address;
    }

    /// <summary>Where the driver sees an address.</summary>
    internal byte* At(ulong address)
    {
        foreach ((GuestRegionLayout layout, _, MappedMemory map) in _regions)
        {
            if (address - layout.GuestAddress < layout.SizeBytes)
            {
                return map.Address + (address - layout.GuestAddress);
            }
        }

        throw new ArgumentOutOfRangeException(nameof(address), address, "not in a region");
    }

    internal ref T Ref<T>(ulong address)
        where T : unmanaged => ref *(T*)At(address);

    /// <summary>Region by region, because a range may cross them.</summary>
    internal void Write(ulong address, ReadOnlySpan<byte> bytes)
    {
        while (bytes.Length > 0)
        {
            Span<byte> piece = Piece(address, bytes.Length);
            bytes[..piece.Length].CopyTo(piece);
            bytes = bytes[piece.Length..];
            address += (uint)piece.Length;
        }
    }

    internal byte[] Read(ulong address, uint length)
    {
        byte[] bytes = new byte[length];
        for (int done = 0; done < bytes.Length;)
        {
            Span<byte> piece = Piece(address + (uint)done, bytes.Length - done);
            piece.CopyTo(bytes.AsSpan(done));
            done += piece.Length;
        }

        return bytes;
    }

    private Span<byte> Piece(ulong address, int length)
    {
        (GuestRegionLayout layout, _, _) = _regions.Find(r => address - r.Layout.GuestAddress < r.Layout.SizeBytes);
        ulong left = layout.GuestAddress + layout.SizeBytes - address;
        return new Span<byte>(At(address), (int)Math.Min((ulong)length, left));
    }

    /// <summary>Takes the memory of a region away, as a hostile front-end can. The driver must not touch it any
    /// more: its own view is not guarded.</summary>
    internal void Shrink(int region, long bytes = 0) => _regions[region].File.Truncate(bytes);

    /// <summary>Where the device sees an address.</summary>
    internal byte* DeviceAt(ulong address, uint length)
    {
        byte* data = Memory.Translate(address, length, out uint contiguous);
        Assert.True(data != null && contiguous >= length, $"0x{address:x} is not one piece for the device");
        return data;
    }

    public void Dispose()
    {
        Memory.Dispose();
        foreach ((_, FileDescriptor file, MappedMemory map) in _regions)
        {
            map.Dispose();
            file.Dispose();
        }
    }
}
