namespace Nf.Linux;

/// <summary>What may be done to mapped memory.</summary>
public enum MapAccess
{
    Read,
    ReadWrite,
}

/// <summary>Owns a mapping: shared memory of a file, a ring of a socket, or anonymous memory.</summary>
/// <remarks>
/// There is no finalizer on purpose: the collector cannot see pointers made from <see cref="Address"/>, so a mapping
/// that is merely forgotten leaks instead of vanishing under them. A mapping outlives the descriptor it came from.
/// </remarks>
public sealed unsafe partial class MappedMemory : IDisposable
{
    private byte* _address;

    private MappedMemory(byte* address, long length)
    {
        _address = address;
        Length = length;
    }

    /// <summary>First byte. Valid until <see cref="Dispose"/>, which the caller orders after every use.</summary>
    /// <exception cref="ObjectDisposedException">The memory is unmapped.</exception>
    public byte* Address
    {
        get
        {
            ObjectDisposedException.ThrowIf(_address == null, this);
            return _address;
        }
    }

    /// <summary>Size in bytes.</summary>
    public long Length { get; }

    /// <summary>Maps part of a file, shared with everyone else who maps it.</summary>
    /// <param name="file">A file, memfd or socket.</param>
    /// <param name="offset">Bytes; a multiple of the page size.</param>
    /// <param name="length">Bytes.</param>
    /// <param name="access">Reading only, or writing too.</param>
    /// <param name="populate">Whether every page is made present now; after the NUMA node is set.</param>
    /// <param name="lockPages">Whether the pages are kept in memory (mlock; counts against RLIMIT_MEMLOCK).</param>
    /// <param name="numaNode">The node the pages must come from, or null for wherever the thread runs.</param>
    /// <param name="reserve">Whether huge pages are set aside now; without, one that lacks raises SIGBUS.</param>
    /// <exception cref="LinuxException">
    /// mmap, mbind, mlock or madvise failed; ENOMEM when huge pages are lacking.
    /// </exception>
    public static MappedMemory Map(
        FileDescriptor file,
        long offset,
        long length,
        MapAccess access,
        bool populate = false,
        bool lockPages = false,
        int? numaNode = null,
        bool reserve = true)
    {
        ArgumentNullException.ThrowIfNull(file);
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(length);

        int flags = Libc.MAP_SHARED | (reserve ? 0 : Libc.MAP_NORESERVE);

        // SAFETY: no fixed address is asked for, so the mapping cannot land on memory in use.
        void* address = Libc.mmap(null, (nuint)length, Protection(access), flags, file, offset);
        ThrowIfFailed(address, $"mmap({length} bytes at {offset})");
        return Prepare(new MappedMemory((byte*)address, length), access, populate, lockPages, numaNode);
    }

    /// <summary>New memory of this process only, filled with zeroes.</summary>
    /// <param name="length">Bytes.</param>
    /// <param name="hugePages">Size of its pages.</param>
    /// <param name="populate">Whether every page is made present now.</param>
    /// <param name="lockPages">Whether the pages are kept in memory (mlock).</param>
    /// <param name="numaNode">The node the pages must come from, or null.</param>
    /// <exception cref="LinuxException">
    /// mmap, mbind, mlock or madvise failed; ENOMEM when huge pages are lacking.
    /// </exception>
    public static MappedMemory MapAnonymous(
        long length,
        HugePageSize hugePages = HugePageSize.None,
        bool populate = false,
        bool lockPages = false,
        int? numaNode = null)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(length);

        // MAP_HUGE_… has the encoding of MFD_HUGE_…, only the bit that asks for huge pages differs.
        uint sizeBits = MemFile.HugePageFlags(hugePages) & ~Libc.MFD_HUGETLB;
        int flags = Libc.MAP_PRIVATE | Libc.MAP_ANONYMOUS | (int)sizeBits;
        flags |= hugePages == HugePageSize.None ? 0 : Libc.MAP_HUGETLB;

        // SAFETY: no fixed address is asked for, so the mapping cannot land on memory in use.
        void* address = Libc.mmap_anonymous(null, (nuint)length, Libc.PROT_READ | Libc.PROT_WRITE, flags, -1, 0);
        ThrowIfFailed(address, $"mmap({length} bytes, pages {hugePages})");
        return Prepare(new MappedMemory((byte*)address, length), MapAccess.ReadWrite, populate, lockPages, numaNode);
    }

    /// <summary>A checked view of part of the memory; it must not outlive the mapping.</summary>
    /// <param name="start">Bytes from the beginning.</param>
    /// <param name="length">Bytes.</param>
    public Span<byte> AsSpan(long start, int length)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(start);
        ArgumentOutOfRangeException.ThrowIfNegative(length);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(start, Length - length);

        // SAFETY: start and length are not negative and start + length <= Length, so the view is inside the mapping.
        return new Span<byte>(Address + start, length);
    }

    /// <summary>Leaves the memory out of child processes, which would otherwise get copies of pinned pages.</summary>
    public void ExcludeFromFork() =>
        Result.Check(Libc.madvise(Address, (nuint)Length, Libc.MADV_DONTFORK), "madvise(MADV_DONTFORK)");

    /// <summary>Leaves the memory out of core dumps: it is large, and somebody else's.</summary>
    public void ExcludeFromDump() =>
        Result.Check(Libc.madvise(Address, (nuint)Length, Libc.MADV_DONTDUMP), "madvise(MADV_DONTDUMP)");

    /// <summary>Unmaps. Nothing may use the memory any more.</summary>
    public void Dispose()
    {
        byte* address = _address;
        _address = null;
        if (address != null)
        {
            // SAFETY: this is the range mmap returned, and clearing the field first keeps it from a second unmap.
            Result.Check(Libc.munmap(address, (nuint)Length), "munmap");
        }
    }

    private static MappedMemory Prepare(
        MappedMemory memory, MapAccess access, bool populate, bool lockPages, int? numaNode)
    {
        try
        {
            if (numaNode is int node)
            {
                NumaPolicy.BindTo(memory._address, memory.Length, node);
            }

            if (lockPages)
            {
                Result.Check(Libc.mlock(memory._address, (nuint)memory.Length), $"mlock({memory.Length} bytes)");
            }

            if (populate)
            {
                memory.Populate(access);
            }

            return memory;
        }
        catch
        {
            memory.Dispose();
            throw;
        }
    }

    private void Populate(MapAccess access)
    {
        int advice = access == MapAccess.ReadWrite ? Libc.MADV_POPULATE_WRITE : Libc.MADV_POPULATE_READ;
        if (Libc.madvise(_address, (nuint)Length, advice) == 0)
        {
            return;
        }

        // EINVAL: a kernel before 5.14 does not know the advice.
        if (Result.LastErrno != Errno.EINVAL)
        {
            Result.Throw("madvise(MADV_POPULATE)");
        }

        TouchPages(access);
    }

    /// <summary>Makes every page present by hand, without changing a byte that somebody else may be writing.</summary>
    /// <remarks>A page that cannot be had raises SIGBUS here, where madvise would have answered ENOMEM.</remarks>
    internal void TouchPages(MapAccess access)
    {
        for (long offset = 0; offset < Length; offset += Environment.SystemPageSize)
        {
            // SAFETY: offset < Length, and a mapping ends with a whole page, so the four bytes are inside it.
            ref int word = ref *(int*)(_address + offset);
            if (access == MapAccess.ReadWrite)
            {
                Interlocked.Add(ref word, 0);
            }
            else
            {
                Volatile.Read(ref word);
            }
        }
    }

    private static int Protection(MapAccess access) =>
        access == MapAccess.ReadWrite ? Libc.PROT_READ | Libc.PROT_WRITE : Libc.PROT_READ;

    private static void ThrowIfFailed(void* address, string call)
    {
        if ((nint)address == -1)
        {
            Result.Throw(call);
        }
    }
}
