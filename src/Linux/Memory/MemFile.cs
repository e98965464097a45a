namespace Nf.Linux;

/// <summary>Size of the pages behind memory.</summary>
public enum HugePageSize
{
    /// <summary>Ordinary pages.</summary>
    None,
    Size2MiB,
    Size1GiB,
}

/// <summary>What a memory file may be changed to, once sealed: nothing of what its seals name.</summary>
[Flags]
public enum MemFileSeals
{
    None = 0,

    /// <summary>No more seals.</summary>
    Seal = Libc.F_SEAL_SEAL,
    Shrink = Libc.F_SEAL_SHRINK,
    Grow = Libc.F_SEAL_GROW,
    Write = Libc.F_SEAL_WRITE,

    /// <summary>No new writable mapping and no write(2); existing writable mappings stay (5.1+).</summary>
    FutureWrite = Libc.F_SEAL_FUTURE_WRITE,
}

/// <summary>How a memory file is made. The default: ordinary pages, sealable.</summary>
public readonly record struct MemFileOptions
{
    // Stored the other way round, because new() and default are all zeroes and must mean what the summary says.
    private readonly bool _unsealable;

    /// <param name="HugePages">Its page size; the length must be a multiple of it.</param>
    /// <param name="Sealable">Whether seals can be added.</param>
    public MemFileOptions(HugePageSize HugePages = HugePageSize.None, bool Sealable = true)
    {
        this.HugePages = HugePages;
        _unsealable = !Sealable;
    }

    /// <summary>Its page size; the length must be a multiple of it.</summary>
    public HugePageSize HugePages { get; init; }

    /// <summary>Whether seals can be added.</summary>
    public bool Sealable
    {
        get => !_unsealable;
        init => _unsealable = !value;
    }
}

/// <summary>Files that live in memory only and have no path: what is shared between processes by descriptor.</summary>
public static class MemFile
{
    /// <summary>Creates one of the given size, filled with zeroes.</summary>
    /// <param name="name">For people reading /proc; need not be unique.</param>
    /// <param name="length">Bytes.</param>
    /// <param name="options">Page size, and whether it can be sealed.</param>
    /// <exception cref="LinuxException">
    /// memfd_create or ftruncate failed. That huge pages are lacking shows only when the file is mapped (ENOMEM).
    /// </exception>
    public static FileDescriptor Create(string name, long length, MemFileOptions options)
    {
        ArgumentException.ThrowIfNullOrEmpty(name);
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(length);
        uint flags = Libc.MFD_CLOEXEC | HugePageFlags(options.HugePages);
        if (options.Sealable)
        {
            flags |= Libc.MFD_ALLOW_SEALING;
        }

        var file = new FileDescriptor(Result.Check(
            Libc.memfd_create(name, flags), $"memfd_create({name}, pages {options.HugePages})"));
        try
        {
            file.Truncate(length);
            return file;
        }
        catch
        {
            file.Dispose();
            throw;
        }
    }

    /// <summary>Adds seals; those that are already there stay.</summary>
    /// <exception cref="LinuxException">
    /// EPERM when sealing is over, EBUSY for Write while writable mappings exist.
    /// </exception>
    public static void AddSeals(FileDescriptor file, MemFileSeals seals)
    {
        ArgumentNullException.ThrowIfNull(file);
        Result.Check(Libc.fcntl(file, Libc.F_ADD_SEALS, (nint)seals), $"fcntl(F_ADD_SEALS, {seals})");
    }

    /// <summary>The seals of a file.</summary>
    /// <exception cref="LinuxException">EINVAL when this is no memory file.</exception>
    public static MemFileSeals GetSeals(FileDescriptor file)
    {
        ArgumentNullException.ThrowIfNull(file);
        return (MemFileSeals)Result.Check(Libc.fcntl(file, Libc.F_GET_SEALS, 0), "fcntl(F_GET_SEALS)");
    }

    internal static uint HugePageFlags(HugePageSize size) => size switch
    {
        HugePageSize.None => 0,
        HugePageSize.Size2MiB => Libc.MFD_HUGETLB | Libc.MFD_HUGE_2MB,
        HugePageSize.Size1GiB => Libc.MFD_HUGETLB | Libc.MFD_HUGE_1GB,
        _ => throw new ArgumentOutOfRangeException(nameof(size), size, "unknown page size"),
    };
}
