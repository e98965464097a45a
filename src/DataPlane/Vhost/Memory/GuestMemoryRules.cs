namespace Nf.DataPlane.Vhost.Memory;

/// <summary>What a table of guest memory must be like, whatever its files are.</summary>
internal static class GuestMemoryRules
{
    /// <summary>What a refusal calls a region.</summary>
    internal static string Name(GuestRegionLayout region) =>
        $"memory region at guest address 0x{region.GuestAddress:x}";

    /// <summary>Checks each region, and that none overlaps another; regions may touch.</summary>
    /// <param name="regions">By guest address.</param>
    /// <exception cref="VhostRefusedException">A rule is broken.</exception>
    internal static void Check(IReadOnlyList<GuestRegionLayout> regions)
    {
        foreach (GuestRegionLayout region in regions)
        {
            CheckRange(region, "size", 0, region.SizeBytes);
            CheckRange(region, "guest address", region.GuestAddress, region.SizeBytes);
            CheckRange(region, "user address", region.UserAddress, region.SizeBytes);
            CheckRange(region, "file offset", region.FileOffset, region.SizeBytes);
        }

        CheckOverlap(regions, "guest", region => region.GuestAddress);
        CheckOverlap([.. regions.OrderBy(region => region.UserAddress)], "user", region => region.UserAddress);
    }

    private static void CheckRange(GuestRegionLayout region, string field, ulong start, ulong sizeBytes)
    {
        if (sizeBytes == 0)
        {
            throw new VhostRefusedException($"{Name(region)}: size 0; a region must not be empty");
        }

        if (sizeBytes > ulong.MaxValue - start)
        {
            throw new VhostRefusedException(
                $"{Name(region)}: {field} 0x{start:x} with size 0x{sizeBytes:x} goes beyond 64 bits");
        }
    }

    private static void CheckOverlap(
        IReadOnlyList<GuestRegionLayout> sorted, string space, Func<GuestRegionLayout, ulong> address)
    {
        for (int i = 1; i < sorted.Count; i++)
        {
            if (address(sorted[i]) - address(sorted[i - 1]) < sorted[i - 1].SizeBytes)
            {
                throw new VhostRefusedException(
                    $"{Name(sorted[i])}: {space} address 0x{address(sorted[i]):x} lies inside the region at " +
                    $"{space} address 0x{address(sorted[i - 1]):x}, size 0x{sorted[i - 1].SizeBytes:x}");
            }
        }
    }
}
