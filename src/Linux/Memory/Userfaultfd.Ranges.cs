namespace Nf.Linux;

/// <summary>How faults are caught where a range is registered; events come in every mode.</summary>
public enum UserfaultMode
{
    /// <summary>Pages that are not there (UFFDIO_REGISTER_MODE_MISSING).</summary>
    Missing = 1,

    /// <summary>Pages protected from writing (UFFDIO_REGISTER_MODE_WP): the mode that disturbs least.</summary>
    WriteProtect = 2,

    /// <summary>Pages that the file has but the address space has not (UFFDIO_REGISTER_MODE_MINOR).</summary>
    Minor = 4,
}

// What works on a range of the address space that it belongs to, from any process. May wait for that process.
public sealed unsafe partial class Userfaultfd
{
    /// <summary>Watches a range of this process's memory.</summary>
    /// <param name="start">Page aligned.</param>
    /// <param name="length">Bytes; whole pages.</param>
    /// <param name="mode">How.</param>
    /// <exception cref="LinuxException">EINVAL for memory that cannot be watched, EBUSY when another one watches it.
    /// </exception>
    public void Register(ulong start, ulong length, UserfaultMode mode)
    {
        var request = new uffdio_register { range = Range(start, length), mode = (ulong)mode };

        // SAFETY: request is a local of the size that the request names.
        Result.Check(Libc.ioctl(Descriptor, Libc.UFFDIO_REGISTER, &request), "ioctl(UFFDIO_REGISTER)");
    }

    /// <summary>Watches a range no longer: what its process does there waits for nobody.</summary>
    /// <returns>None; ESRCH when the address space is gone; EINVAL when there is nothing to be watched.</returns>
    public Errno Unregister(ulong start, ulong length)
    {
        uffdio_range range = Range(start, length);

        // SAFETY: range is a local of the size that the request names.
        return Libc.ioctl(Descriptor, Libc.UFFDIO_UNREGISTER, &range) == 0 ? Errno.None : Result.LastErrno;
    }

    /// <summary>Finds out whether a range is watched, changing nothing that its process could see.</summary>
    /// <param name="start">A multiple of the page size.</param>
    /// <param name="length">Bytes; whole pages.</param>
    /// <param name="pageBytes">Size of the pages there; more than the system's for huge ones.</param>
    /// <returns>
    /// None when it is; ENOENT when it is not; ESRCH when the address space is gone (exit, exec); EAGAIN while
    /// something is changing.
    /// </returns>
    /// <remarks>Each mode allows one request only, and refuses it for what is not registered in that mode. Lifting a
    /// protection that nobody set does nothing; mapping a page that the file has, and filling a hole with the zeroes
    /// that it would read as, is what touching it would do.</remarks>
    public Errno CheckRegistered(ulong start, ulong length, ulong pageBytes)
    {
        Errno errno = LiftProtection(start, length);
        if (errno is not (Errno.ENOENT or Errno.EINVAL))
        {
            return errno;
        }

        ulong last = start + length - pageBytes;
        errno = Both(page => MapFilePage(page, pageBytes), start, last);
        if (errno is Errno.ENOENT or Errno.EINVAL)
        {
            errno = Both(page => FillWithZeroes(page, pageBytes), start, last);
        }

        return errno == Errno.EINVAL ? Errno.ENOENT : errno;
    }

    /// <summary>Lets a page fault go on: with the page that the file has, or zeroes, or without protection.</summary>
    public void Answer(in UserfaultMessage fault)
    {
        ulong page = (ulong)Environment.SystemPageSize;
        ulong start = fault.Start / page * page;
        if (fault.IsWriteFault)
        {
            LiftProtection(start, page);
        }
        else if (MapFilePage(start, page) != Errno.None && FillWithZeroes(start, page) != Errno.None)
        {
            FillWithCopy(start);
        }
    }

    private static Errno Both(Func<ulong, Errno> check, ulong first, ulong last)
    {
        Errno errno = IgnorePresent(check(first));
        return errno == Errno.None ? IgnorePresent(check(last)) : errno;
    }

    private static Errno IgnorePresent(Errno errno) => errno is Errno.EEXIST or Errno.EFAULT ? Errno.None : errno;

    private static uffdio_range Range(ulong start, ulong length) => new() { start = start, len = length };

    private Errno LiftProtection(ulong start, ulong length)
    {
        var request = new uffdio_writeprotect { range = Range(start, length) };

        // SAFETY: request is a local of the size that the request names.
        return Libc.ioctl(Descriptor, Libc.UFFDIO_WRITEPROTECT, &request) == 0 ? Errno.None : Result.LastErrno;
    }

    // EFAULT: the file has a hole there. EEXIST: it is mapped. Both are said only where the range is registered.
    private Errno MapFilePage(ulong start, ulong pageBytes)
    {
        var request = new uffdio_continue { range = Range(start, pageBytes) };

        // SAFETY: request is a local of the size that the request names.
        return Libc.ioctl(Descriptor, Libc.UFFDIO_CONTINUE, &request) == 0 ? Errno.None : Result.LastErrno;
    }

    private Errno FillWithZeroes(ulong start, ulong pageBytes)
    {
        var request = new uffdio_zeropage { range = Range(start, pageBytes) };

        // SAFETY: request is a local of the size that the request names.
        return Libc.ioctl(Descriptor, Libc.UFFDIO_ZEROPAGE, &request) == 0 ? Errno.None : Result.LastErrno;
    }

    private void FillWithCopy(ulong start)
    {
        byte[] zeroes = new byte[Environment.SystemPageSize];

        // SAFETY: the kernel reads one page of zeroes, which is pinned, during the call.
        fixed (byte* source = zeroes)
        {
            var request = new uffdio_copy { dst = start, src = (ulong)source, len = (ulong)zeroes.Length };
            Libc.ioctl(Descriptor, Libc.UFFDIO_COPY, &request);
        }
    }
}
