using System.Text;

namespace Nf.Linux;

// The descriptor as a file: size, identity, contents.
public sealed unsafe partial class FileDescriptor
{
    /// <summary>Size of the file in bytes.</summary>
    public long Length => checked((long)Stat().stx_size);

    /// <summary>Preferred block size in bytes; for a hugetlb memfd this is the size of its pages.</summary>
    public int BlockSizeBytes => checked((int)Stat().stx_blksize);

    /// <summary>Whether this is an ordinary file, which memfds are too.</summary>
    public bool IsRegularFile => (Stat().stx_mode & Libc.S_IFMT) == Libc.S_IFREG;

    /// <summary>Size in bytes of the pages a mapping of it is made of: huge ones on hugetlbfs.</summary>
    public long MappingPageBytes
    {
        get
        {
            statfs fileSystem = FileSystem();
            return (uint)fileSystem.f_type == Libc.HUGETLBFS_MAGIC ? fileSystem.f_bsize : Environment.SystemPageSize;
        }
    }

    /// <summary>Whether it lies on a FUSE file system: some process decides when a page of it arrives.</summary>
    public bool IsServedByProcess => (uint)FileSystem().f_type == Libc.FUSE_SUPER_MAGIC;

    /// <summary>Whether it is a pidfd of a kernel (6.9+) where each process has a file of its own.</summary>
    internal bool HasFileOfItsOwn => (uint)FileSystem().f_type == Libc.PID_FS_MAGIC;

    /// <summary>Whether this is a socket.</summary>
    public bool IsSocket => (Stat().stx_mode & Libc.S_IFMT) == Libc.S_IFSOCK;

    /// <summary>Which file this is: the same for every descriptor of it, in every process.</summary>
    public FileIdentity Identity
    {
        get
        {
            statx stat = Stat();
            return new FileIdentity(((ulong)stat.stx_dev_major << 32) | stat.stx_dev_minor, stat.stx_ino);
        }
    }

    /// <summary>A path by which this process can open again what is behind the descriptor, while it is open.</summary>
    public string OwnPath => $"/proc/self/fd/{Number}";

    /// <summary>
    /// What the kernel says it is, such as <c>/memfd:umem (deleted)</c> or <c>anon_inode:[eventfd]</c>.
    /// </summary>
    public string Target
    {
        get
        {
            const int TargetBytesMax = 4096;
            byte* buffer = stackalloc byte[TargetBytesMax];

            // SAFETY: readlink writes at most the size it is told and returns how much that was.
            nint length = Libc.readlink($"/proc/self/fd/{Number}", buffer, TargetBytesMax);
            GC.KeepAlive(this);
            return Encoding.UTF8.GetString(buffer, (int)Result.Check(length, "readlink(/proc/self/fd)"));
        }
    }

    /// <summary>What the kernel tells of the open file in /proc/self/fdinfo: lines of name, colon, value.</summary>
    public string OpenFileInfo
    {
        get
        {
            string info = File.ReadAllText($"/proc/self/fdinfo/{Number}");
            GC.KeepAlive(this);
            return info;
        }
    }

    /// <summary>Whether both descriptors are of one file (device and inode agree).</summary>
    public bool IsSameFile(FileDescriptor other)
    {
        ArgumentNullException.ThrowIfNull(other);
        return Identity == other.Identity;
    }

    /// <summary>Sets the size of the file in bytes.</summary>
    public void Truncate(long length)
    {
        int result;
        do
        {
            result = Libc.ftruncate(this, length);
        }
        while (result < 0 && Result.LastErrno == Errno.EINTR);

        Result.Check(result, $"ftruncate({length})");
    }

    /// <summary>Reads what is there, at most the buffer; 0 means end of file.</summary>
    /// <exception cref="LinuxException">read failed; EAGAIN when the file is non-blocking and has nothing.</exception>
    public int Read(Span<byte> buffer) => Transfer(buffer, write: false, "read");

    /// <summary>Writes what the file takes, at most the buffer, and returns how much that was.</summary>
    public int Write(ReadOnlySpan<byte> buffer)
    {
        // SAFETY: the pointer is used only while the span is pinned, and for no more than its length.
        fixed (byte* pointer = buffer)
        {
            return Transfer(new Span<byte>(pointer, buffer.Length), write: true, "write");
        }
    }

    /// <summary>Reads at an offset in bytes without moving the file position; 0 means end of file.</summary>
    public int ReadAt(Span<byte> buffer, long offset)
    {
        nint result;

        // SAFETY: the kernel writes at most buffer.Length bytes, while the span is pinned.
        fixed (byte* pointer = buffer)
        {
            do
            {
                result = Libc.pread(this, pointer, (nuint)buffer.Length, offset);
            }
            while (result < 0 && Result.LastErrno == Errno.EINTR);
        }

        return (int)Result.Check(result, "pread");
    }

    /// <summary>Writes at an offset in bytes without moving the file position; returns how much was taken.</summary>
    public int WriteAt(ReadOnlySpan<byte> buffer, long offset)
    {
        nint result;

        // SAFETY: the kernel reads at most buffer.Length bytes, while the span is pinned.
        fixed (byte* pointer = buffer)
        {
            do
            {
                result = Libc.pwrite(this, pointer, (nuint)buffer.Length, offset);
            }
            while (result < 0 && Result.LastErrno == Errno.EINTR);
        }

        return (int)Result.Check(result, "pwrite");
    }

    /// <summary>Reads what is there now, at most the buffer; 0 means end of file. Never waits, not even when somebody
    /// who shares the open file makes it blocking again: for descriptors that strangers sent.</summary>
    /// <exception cref="LinuxException">EAGAIN when there is nothing; EOPNOTSUPP for a file that cannot promise it.
    /// </exception>
    public int ReadNow(Span<byte> buffer) => TransferNow(buffer, write: false, "preadv2");

    /// <summary>Writes what the file takes now, at most the buffer; as <see cref="ReadNow"/>.</summary>
    public int WriteNow(ReadOnlySpan<byte> buffer)
    {
        // SAFETY: the pointer is used only while the span is pinned, and for no more than its length; the span is only
        // read.
        fixed (byte* pointer = buffer)
        {
            return TransferNow(new Span<byte>(pointer, buffer.Length), write: true, "pwritev2");
        }
    }

    private int TransferNow(Span<byte> buffer, bool write, string call)
    {
        const long CurrentPosition = -1;
        nint result;

        // SAFETY: the kernel touches at most buffer.Length bytes, while the span is pinned.
        fixed (byte* pointer = buffer)
        {
            var piece = new iovec { iov_base = pointer, iov_len = (nuint)buffer.Length };
            do
            {
                result = write
                    ? Libc.pwritev2(this, &piece, 1, CurrentPosition, Libc.RWF_NOWAIT)
                    : Libc.preadv2(this, &piece, 1, CurrentPosition, Libc.RWF_NOWAIT);
            }
            while (result < 0 && Result.LastErrno == Errno.EINTR);
        }

        return (int)Result.Check(result, call);
    }

    private int Transfer(Span<byte> buffer, bool write, string call)
    {
        nint result;

        // SAFETY: the kernel touches at most buffer.Length bytes, while the span is pinned.
        fixed (byte* pointer = buffer)
        {
            do
            {
                result = write
                    ? Libc.write(this, pointer, (nuint)buffer.Length)
                    : Libc.read(this, pointer, (nuint)buffer.Length);
            }
            while (result < 0 && Result.LastErrno == Errno.EINTR);
        }

        return (int)Result.Check(result, call);
    }

    private statfs FileSystem()
    {
        statfs result = default;

        // SAFETY: result is a local of the kernel's full struct size.
        Result.Check(Libc.fstatfs(this, &result), "fstatfs");
        return result;
    }

    private statx Stat()
    {
        statx result = default;

        // SAFETY: result is a local of the kernel's full struct size.
        Result.Check(Libc.statx_fd(this, "", Libc.AT_EMPTY_PATH, Libc.STATX_BASIC_STATS, &result), "statx");
        return result;
    }
}
