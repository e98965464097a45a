using Nf.Linux;

namespace Nf.DataPlane.UserMemories;

/// <summary>A client's memory mapped here, guarded against its file being taken away.</summary>
internal sealed unsafe class UserMapping : IDisposable
{
    /// <summary>Bytes made present in one go: what a cancelled acquire, and whoever else changes this process's
    /// mappings, waits for at most. Arbitrary.</summary>
    private const long PieceBytes = 4L << 20;

    /// <summary>Bytes that one look for holes covers. Arbitrary: it takes some 20 µs.</summary>
    private const long LookBytes = 16L << 20;

    private readonly MappedMemory _memory;
    private readonly FaultGuard _guard;
    private readonly MapAccess _access;
    private long _lookedTo;

    private UserMapping(MappedMemory memory, FaultGuard guard, MapAccess access, ulong offset, ulong size, long page)
    {
        _memory = memory;
        _guard = guard;
        _access = access;
        Size = size;
        PageBytes = page;

        // SAFETY: the mapping begins at the offset rounded down to its pages, and covers size bytes from the offset on.
        Base = memory.Address + (offset % (ulong)page);
    }

    /// <summary>First byte. SAFETY: Size bytes are mapped until Dispose.</summary>
    internal byte* Base { get; }

    /// <summary>Bytes.</summary>
    internal ulong Size { get; }

    /// <summary>Size of the pages that back it.</summary>
    internal long PageBytes { get; }

    /// <summary>Whether huge pages were asked for behind ordinary memory; then the kernel gives them where it
    /// can.</summary>
    internal bool IsHugeAdvised { get; private set; }

    /// <summary>Whether memory of it was replaced, because its file lost pages that could not be had again.</summary>
    internal bool IsLost => _guard.IsLost;

    /// <summary>Whether every page is in memory.</summary>
    internal bool IsResident => MissingPages == 0;

    /// <summary>Pages of the system's size that its file does not have, or not in memory.</summary>
    internal long MissingPages =>
        (_memory.Length / Environment.SystemPageSize) - _memory.ResidentPages(0, _memory.Length);

    /// <summary>Maps part of a file and touches nothing.</summary>
    /// <param name="file">A memfd that cannot shrink.</param>
    /// <param name="offset">Where, in bytes.</param>
    /// <param name="size">Bytes.</param>
    /// <param name="access">Reading only, or writing too.</param>
    /// <exception cref="LinuxException">EPERM when seals forbid it, ENOMEM, ENOSPC beyond the guards there are.
    /// </exception>
    internal static UserMapping Map(FileDescriptor file, ulong offset, ulong size, MapAccess access)
    {
        // Huge pages must be mapped whole.
        ulong page = (ulong)file.MappingPageBytes;
        ulong start = offset / page * page;
        ulong length = (offset - start + size + page - 1) / page * page;
        return Guard(
            MappedMemory.Map(file, (long)start, (long)length, access, reserve: false),
            access, offset, size, (long)page);
    }

    /// <summary>A second mapping of the same memory, no page of which is mapped yet.</summary>
    internal UserMapping Duplicate(ulong offset) => Guard(_memory.Duplicate(), _access, offset, Size, PageBytes);

    /// <summary>Makes every page present, huge ones where they can be had.</summary>
    /// <param name="isCancelled">Asked between pieces.</param>
    /// <returns>False when it was cancelled; some pages may be present.</returns>
    /// <exception cref="LinuxException">A page cannot be had.</exception>
    internal bool Populate(Func<bool> isCancelled)
    {
        IsHugeAdvised = PageBytes == Environment.SystemPageSize && _memory.TryAdviseHugePages();
        long piece = Math.Max(PieceBytes, PageBytes);
        for (long start = 0; start < _memory.Length; start += piece)
        {
            if (isCancelled())
            {
                return false;
            }

            _memory.PopulatePart(start, Math.Min(piece, _memory.Length - start), _access);
        }

        return true;
    }

    /// <summary>Looks at some more of it, in turn, for pages that its file lost since it was populated.</summary>
    internal bool FindsHole()
    {
        long length = Math.Min(LookBytes, _memory.Length - _lookedTo);
        bool hasHole = _memory.ResidentPages(_lookedTo, length) != length / Environment.SystemPageSize;
        _lookedTo = _lookedTo + length == _memory.Length ? 0 : _lookedTo + length;
        return hasHole;
    }

    public void Dispose()
    {
        // Before the memory goes: a fault in whatever is mapped there next is not ours to mend.
        _guard.Dispose();
        _memory.Dispose();
    }

    private static UserMapping Guard(MappedMemory memory, MapAccess access, ulong offset, ulong size, long page)
    {
        FaultGuard? guard = null;
        try
        {
            // A child would get copies of pinned pages (before 5.12 even the pages themselves); a dump is too large.
            memory.ExcludeFromFork();
            memory.ExcludeFromDump();
            guard = FaultGuard.Register(memory, page);
            return new UserMapping(memory, guard, access, offset, size, page);
        }
        catch
        {
            guard?.Dispose();
            memory.Dispose();
            throw;
        }
    }
}
