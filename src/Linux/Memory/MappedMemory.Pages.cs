using System.Runtime.CompilerServices;

namespace Nf.Linux;

// The mapping page by page: what is there, and making it be there in pieces.
public sealed unsafe partial class MappedMemory
{
    /// <summary>Pages that one look of <see cref="ResidentPages"/> covers. Arbitrary.</summary>
    private const int PagesPerLook = 4096;

    /// <summary>Makes pages of a part present now.</summary>
    /// <param name="start">Bytes from the beginning; a multiple of the page size.</param>
    /// <param name="length">Bytes.</param>
    /// <param name="access">Reading only, or writing too: then the pages count as written to.</param>
    /// <exception cref="LinuxException">
    /// ENOMEM when there is no memory, EFAULT when there is nothing to be had there, EINVAL before Linux 5.14.
    /// </exception>
    public void PopulatePart(long start, long length, MapAccess access)
    {
        CheckPart(start, length);
        int advice = access == MapAccess.ReadWrite ? Libc.MADV_POPULATE_WRITE : Libc.MADV_POPULATE_READ;

        // SAFETY: start and length were checked to be inside the mapping.
        Result.Check(Libc.madvise(Address + start, (nuint)length, advice), "madvise(MADV_POPULATE)");
    }

    /// <summary>Asks for huge pages behind ordinary memory; the kernel gives them where it can.</summary>
    /// <returns>False when this kernel has none for it.</returns>
    public bool TryAdviseHugePages() => Libc.madvise(Address, (nuint)Length, Libc.MADV_HUGEPAGE) == 0;

    /// <summary>How many pages of the system's size are in memory: of a file, those it holds, mapped or not.</summary>
    /// <param name="start">Bytes from the beginning; a multiple of the page size.</param>
    /// <param name="length">Bytes.</param>
    /// <exception cref="LinuxException">mincore failed.</exception>
    [MethodImpl(MethodImplOptions.NoInlining)]
    public long ResidentPages(long start, long length)
    {
        CheckPart(start, length);
        byte* found = stackalloc byte[PagesPerLook];
        long step = (long)PagesPerLook * Environment.SystemPageSize;
        long count = 0;
        for (long at = start; at < start + length; at += step)
        {
            long part = Math.Min(step, start + length - at);
            int pages = (int)((part + Environment.SystemPageSize - 1) / Environment.SystemPageSize);

            // SAFETY: the part is inside the mapping, and found has a byte for each of its pages.
            Result.Check(Libc.mincore(Address + at, (nuint)part, found), "mincore");
            for (int i = 0; i < pages; i++)
            {
                count += found[i] & 1;
            }
        }

        return count;
    }

    /// <summary>A second mapping of the same part of the same file, none of whose pages is mapped yet. Possible even
    /// where seals forbid new writable mappings of the file.</summary>
    /// <exception cref="LinuxException">mremap failed; EINVAL when the memory is not shared.</exception>
    public MappedMemory Duplicate()
    {
        // SAFETY: an old length of zero makes a new mapping and leaves the old one as it is (mremap(2)); without a
        // fixed address the new one cannot land on memory in use.
        void* address = Libc.mremap(Address, 0, (nuint)Length, Libc.MREMAP_MAYMOVE, null);
        ThrowIfFailed(address, $"mremap(second mapping of {Length} bytes)");
        return new MappedMemory((byte*)address, Length);
    }

    private void CheckPart(long start, long length)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(start);
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(length);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(start, Length - length);
    }
}
