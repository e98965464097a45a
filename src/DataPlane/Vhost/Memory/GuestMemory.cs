using System.Runtime.CompilerServices;
using Nf.Linux;

namespace Nf.DataPlane.Vhost.Memory;

/// <summary>The mapped memory of a guest: a fixed table of regions. A change makes a new table, which shares the
/// mappings that stay.</summary>
/// <remarks>
/// Made and disposed by the control thread; read by any thread meanwhile. A table is disposed only when no worker
/// translates with it any more.
/// </remarks>
internal sealed unsafe class GuestMemory : IDisposable
{
    private readonly PeerMapping[] _mappings;

    // Pinned, so that rings may keep a pointer to it; alive as long as this object.
    private readonly GuestRegion[] _table;
    private readonly GuestRegionLayout[] _regions;
    private ulong _faultsSeen;
    private bool _lost;
    private bool _disposed;

    private GuestMemory(GuestRegionLayout[] regions, PeerMapping[] mappings)
    {
        _regions = regions;
        _mappings = mappings;
        _table = GC.AllocateArray<GuestRegion>(Math.Max(1, regions.Length), pinned: true);
        for (int i = 0; i < regions.Length; i++)
        {
            _table[i].GuestAddress = regions[i].GuestAddress;
            _table[i].SizeBytes = regions[i].SizeBytes;
            _table[i].HostBase = mappings[i].Base;
        }

        Files = [.. mappings.Select(mapping => mapping.File)];

        // SAFETY: the array is pinned and has at least one element.
        Table = (GuestRegion*)Unsafe.AsPointer(ref _table[0]);
    }

    /// <summary>No memory at all.</summary>
    internal static GuestMemory Empty { get; } = new([], []);

    /// <summary>Its regions by guest address.</summary>
    internal IReadOnlyList<GuestRegionLayout> Regions => _regions;

    /// <summary>A descriptor of each region's file, in the order of <see cref="Regions"/>; they stay its own.</summary>
    internal IReadOnlyList<FileDescriptor> Files { get; }

    /// <summary>How many regions <see cref="Table"/> has.</summary>
    internal int Count => _regions.Length;

    /// <summary>The table to translate with, by guest address. SAFETY: valid while this object is referenced; what it
    /// points to, until it is disposed.</summary>
    internal GuestRegion* Table { get; }

    /// <summary>True once part of a region had to be replaced because its file shrank under us.</summary>
    internal bool IsLost
    {
        get
        {
            // The common case is one load: nothing anywhere has been lost since the last look. Flags are set before
            // the count goes up, so looking at them after the count misses none that it says.
            ulong faults = FaultGuard.Faults;
            if (faults != Volatile.Read(ref _faultsSeen))
            {
                foreach (PeerMapping mapping in _mappings)
                {
                    _lost |= mapping.IsLost;
                }

                Volatile.Write(ref _faultsSeen, faults);
            }

            return _lost;
        }
    }

    /// <summary>How each region stands, by guest address.</summary>
    internal GuestRegionState[] Describe()
    {
        var states = new GuestRegionState[_regions.Length];
        for (int i = 0; i < states.Length; i++)
        {
            states[i] = new GuestRegionState(_regions[i], CannotShrink(_mappings[i].File), _mappings[i].IsLost);
        }

        return states;
    }

    /// <summary>Maps a table. Takes ownership of no descriptor; a mapping keeps its file.</summary>
    /// <exception cref="VhostRefusedException">A region breaks a rule, or cannot be mapped.</exception>
    internal static GuestMemory Map(IReadOnlyList<(GuestRegionLayout Layout, FileDescriptor File)> regions) =>
        Empty.Replace(regions);

    /// <summary>Another table, which shares the mappings of this one that it has, too.</summary>
    /// <exception cref="VhostRefusedException">As for <see cref="Map"/>.</exception>
    internal GuestMemory Replace(IReadOnlyList<(GuestRegionLayout Layout, FileDescriptor File)> regions)
    {
        var sorted = regions.OrderBy(region => region.Layout.GuestAddress).ToArray();
        GuestRegionLayout[] layouts = [.. sorted.Select(region => region.Layout)];
        GuestMemoryRules.Check(layouts);
        var mappings = new List<PeerMapping>(sorted.Length);
        try
        {
            foreach ((GuestRegionLayout layout, FileDescriptor file) in sorted)
            {
                mappings.Add(ShareOrMap(layout, file));
            }

            return new GuestMemory(layouts, [.. mappings]);
        }
        catch
        {
            mappings.ForEach(mapping => mapping.Release());
            throw;
        }
    }

    /// <summary>A table with one region more.</summary>
    /// <exception cref="VhostRefusedException">As for <see cref="Map"/>.</exception>
    internal GuestMemory With(GuestRegionLayout layout, FileDescriptor file)
    {
        int index = _regions.Count(region => region.GuestAddress < layout.GuestAddress);
        GuestRegionLayout[] regions = [.. _regions[..index], layout, .. _regions[index..]];
        GuestMemoryRules.Check(regions);
        PeerMapping added = PeerMapping.Map(file, layout.FileOffset, layout.SizeBytes, GuestMemoryRules.Name(layout));
        return new GuestMemory(
            regions, [.. _mappings[..index].Select(Share), added, .. _mappings[index..].Select(Share)]);
    }

    /// <summary>A table with one region less; the file offset is not compared.</summary>
    /// <exception cref="VhostRefusedException">There is no such region.</exception>
    internal GuestMemory Without(GuestRegionLayout layout)
    {
        int index = Array.FindIndex(
            _regions, region => region with { FileOffset = 0 } == layout with { FileOffset = 0 });
        if (index < 0)
        {
            throw new VhostRefusedException(
                $"{GuestMemoryRules.Name(layout)}, size 0x{layout.SizeBytes:x}, user address " +
                $"0x{layout.UserAddress:x}: no region has just these");
        }

        return new GuestMemory(
            [.. _regions[..index], .. _regions[(index + 1)..]],
            [.. _mappings[..index].Select(Share), .. _mappings[(index + 1)..].Select(Share)]);
    }

    /// <summary>Where a range of front-end addresses is mapped; null when it is empty or not inside one
    /// region.</summary>
    internal byte* TranslateUser(ulong userAddress, ulong length)
    {
        int index = FindUser(userAddress);
        if (index < 0 || length == 0)
        {
            return null;
        }

        // SAFETY: the offset is less than the region's size, and what is left of the region covers the length.
        ulong offset = userAddress - _regions[index].UserAddress;
        return length <= _regions[index].SizeBytes - offset ? _table[index].HostBase + offset : null;
    }

    /// <summary>The guest address of a front-end address; null when it is in no region.</summary>
    internal ulong? GuestAddressOfUser(ulong userAddress)
    {
        int index = FindUser(userAddress);
        return index < 0 ? null : _regions[index].GuestAddress + (userAddress - _regions[index].UserAddress);
    }

    /// <summary>Where a range of guest addresses begins to be mapped, and how far it goes without a gap in our
    /// mapping.</summary>
    /// <param name="guestAddress">Any value.</param>
    /// <param name="length">Any value; an empty range is nowhere.</param>
    /// <param name="contiguous">Bytes from there on, at most the length; 0 with null. What follows lies in another
    /// region: translate again.</param>
    /// <returns>Null when its first byte is in no region.</returns>
    internal byte* Translate(ulong guestAddress, uint length, out uint contiguous)
    {
        int hint = 0;
        return Translate(guestAddress, length, ref hint, out contiguous);
    }

    /// <summary>As <see cref="Translate(ulong, uint, out uint)"/>, looking first where the last range was.</summary>
    /// <param name="guestAddress">Any value.</param>
    /// <param name="length">Any value; an empty range is nowhere.</param>
    /// <param name="hint">Index of the region of the last hit; any value. Kept by the caller.</param>
    /// <param name="contiguous">Bytes from there on, at most the length.</param>
    /// <returns>Null when its first byte is in no region.</returns>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal byte* Translate(ulong guestAddress, uint length, ref int hint, out uint contiguous)
    {
        if ((uint)hint < (uint)_regions.Length)
        {
            // SAFETY: the hint is an index of the table.
            GuestRegion* region = Table + hint;
            ulong offset = guestAddress - region->GuestAddress;
            if (offset < region->SizeBytes && length != 0)
            {
                // SAFETY: the offset is inside the region, and contiguous does not go beyond its end.
                contiguous = (uint)Math.Min(length, region->SizeBytes - offset);
                return region->HostBase + offset;
            }
        }

        return TranslateElsewhere(guestAddress, length, ref hint, out contiguous);
    }

    /// <summary>Lets go of it: what no other table shares is unmapped.</summary>
    public void Dispose()
    {
        if (!_disposed && this != Empty)
        {
            _disposed = true;
            foreach (PeerMapping mapping in _mappings)
            {
                mapping.Release();
            }
        }
    }

    private static PeerMapping Share(PeerMapping mapping) => mapping.Share();

    private PeerMapping ShareOrMap(GuestRegionLayout layout, FileDescriptor file)
    {
        string name = GuestMemoryRules.Name(layout);
        PeerMapping.Check(file, layout.FileOffset, layout.SizeBytes, name);
        FileIdentity identity = file.Identity;
        PeerMapping? same = Array.Find(_mappings, m => m.Is(identity, layout.FileOffset, layout.SizeBytes));
        return same?.Share() ?? PeerMapping.Map(file, layout.FileOffset, layout.SizeBytes, name);
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private byte* TranslateElsewhere(ulong guestAddress, uint length, ref int hint, out uint contiguous)
    {
        contiguous = 0;
        int low = 0;
        int high = _regions.Length - 1;
        while (low <= high && length != 0)
        {
            int middle = (low + high) >>> 1;

            // SAFETY: low and high are indexes of the table, so the middle is.
            GuestRegion* region = Table + middle;
            ulong offset = guestAddress - region->GuestAddress;
            if (guestAddress < region->GuestAddress)
            {
                high = middle - 1;
            }
            else if (offset >= region->SizeBytes)
            {
                low = middle + 1;
            }
            else
            {
                // SAFETY: the offset is inside the region, and contiguous does not go beyond its end.
                hint = middle;
                contiguous = (uint)Math.Min(length, region->SizeBytes - offset);
                return region->HostBase + offset;
            }
        }

        return null;
    }

    private int FindUser(ulong userAddress) =>
        Array.FindIndex(_regions, region => userAddress - region.UserAddress < region.SizeBytes);

    private static bool CannotShrink(FileDescriptor file)
    {
        try
        {
            return MemFile.GetSeals(file).HasFlag(MemFileSeals.Shrink);
        }
        catch (LinuxException)
        {
            // Not a memfd: an ordinary file has no seals.
            return false;
        }
    }
}
