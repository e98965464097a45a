namespace Nf.Linux;

/// <summary>Chooses the NUMA node that pages come from.</summary>
internal static unsafe class NumaPolicy
{
    // An arbitrary limit, well above what exists: the kernel itself is built for at most 1024 nodes.
    internal const int NodeCountMax = 1024;
    private const int BitsPerWord = 64;

    /// <summary>Pages of the range that are not present yet will come from the node, or fail to come.</summary>
    /// <exception cref="LinuxException">EINVAL when the node does not exist or has no memory.</exception>
    internal static void BindTo(byte* address, long length, int node)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(node);
        ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual(node, NodeCountMax);
        ulong* mask = stackalloc ulong[NodeCountMax / BitsPerWord];
        new Span<ulong>(mask, NodeCountMax / BitsPerWord).Clear();
        mask[node / BitsPerWord] = 1ul << (node % BitsPerWord);

        // SAFETY: mask has NodeCountMax bits; the kernel reads one fewer than the count it is given, hence the + 1.
        Result.Check(
            Libc.syscall6(
                Libc.SYS_mbind, (nint)address, (nint)length, Libc.MPOL_BIND, (nint)mask, NodeCountMax + 1, 0),
            $"mbind(node {node})");
    }
}
