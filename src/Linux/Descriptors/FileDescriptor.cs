using System.Runtime.CompilerServices;
using Microsoft.Win32.SafeHandles;

namespace Nf.Linux;

/// <summary>An open file descriptor: closed exactly once, and the only form in which one travels.</summary>
/// <remarks>Every descriptor made here is close-on-exec.</remarks>
public sealed unsafe partial class FileDescriptor : SafeHandleMinusOneIsInvalid
{
    // Numbers 0 to 2 have meanings of their own, and 0 means "none" to some bpf commands.
    private const int FirstOrdinaryNumber = 3;

    internal FileDescriptor(int number)
        : base(ownsHandle: true) => SetHandle(number);

    /// <summary>The number, for calls that carry it inside a struct. The caller keeps this object alive.</summary>
    internal int Number
    {
        get
        {
            ObjectDisposedException.ThrowIf(IsClosed, this);
            return (int)handle;
        }
    }

    /// <summary>Opens a file for reading.</summary>
    /// <exception cref="LinuxException">open failed; the message names the path.</exception>
    public static FileDescriptor OpenReadOnly(string path) => Open(path, Libc.O_RDONLY);

    /// <summary>Opens a file; close-on-exec is added to <paramref name="flags"/> (O_… of <see cref="Libc"/>).</summary>
    /// <param name="path">The file.</param>
    /// <param name="flags">O_… values of <see cref="Libc"/>.</param>
    /// <param name="mode">Permission bits when the file is created, before the umask.</param>
    /// <exception cref="LinuxException">open failed; the message names the path.</exception>
    public static FileDescriptor Open(string path, int flags, int mode = 0)
    {
        ArgumentException.ThrowIfNullOrEmpty(path);
        return new FileDescriptor(Result.Check(Libc.open(path, flags | Libc.O_CLOEXEC, (uint)mode), $"open({path})"));
    }

    /// <summary>Takes ownership of a descriptor this process was started with, and makes it close-on-exec.</summary>
    /// <param name="number">The number its parent announced; at least 3.</param>
    /// <exception cref="LinuxException">EBADF when nothing is open under that number.</exception>
    public static FileDescriptor TakeInherited(int number)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(number, FirstOrdinaryNumber);
        Result.Check(
            Libc.fcntl_number(number, Libc.F_SETFD, Libc.FD_CLOEXEC), $"fcntl(F_SETFD, inherited descriptor {number})");
        return new FileDescriptor(number);
    }

    /// <summary>Has a program that this process starts next inherit the descriptor.</summary>
    /// <returns>The number under which <see cref="TakeInherited"/> finds it there.</returns>
    /// <remarks>Dispose it when that program runs, or the one after it inherits it as well.</remarks>
    public int MakeInheritable()
    {
        Result.Check(Libc.fcntl(this, Libc.F_SETFD, 0), "fcntl(F_SETFD)");
        return Number;
    }

    /// <summary>A second descriptor of the same open file, owned separately.</summary>
    public FileDescriptor Duplicate() =>
        new(Result.Check(Libc.fcntl(this, Libc.F_DUPFD_CLOEXEC, FirstOrdinaryNumber), "fcntl(F_DUPFD_CLOEXEC)"));

    /// <summary>Sets a socket option; a failure names the option as the caller wrote it.</summary>
    /// <param name="level">SOL_… of <see cref="Libc"/>.</param>
    /// <param name="name">The option.</param>
    /// <param name="value">What to set; its size is the option's length.</param>
    /// <param name="option">Filled in by the compiler.</param>
    /// <typeparam name="T">The C type of the option.</typeparam>
    public void SetOption<T>(
        int level, int name, in T value, [CallerArgumentExpression(nameof(name))] string option = "")
        where T : unmanaged
    {
        // SAFETY: the kernel reads sizeof(T) bytes during the call only, and T holds no references.
        fixed (T* pointer = &value)
        {
            Result.Check(Libc.setsockopt(this, level, name, pointer, (uint)sizeof(T)), $"setsockopt({Short(option)})");
        }
    }

    /// <summary>Reads a socket option; a failure names the option as the caller wrote it.</summary>
    /// <param name="level">SOL_… of <see cref="Libc"/>.</param>
    /// <param name="name">The option.</param>
    /// <param name="option">Filled in by the compiler.</param>
    /// <typeparam name="T">The C type of the option; what the kernel does not fill stays zero.</typeparam>
    public T GetOption<T>(int level, int name, [CallerArgumentExpression(nameof(name))] string option = "")
        where T : unmanaged
    {
        T value = default;
        uint length = (uint)sizeof(T);

        // SAFETY: value is a local, so it does not move; the kernel writes at most the length it is told.
        Result.Check(Libc.getsockopt(this, level, name, &value, &length), $"getsockopt({Short(option)})");
        return value;
    }

    /// <summary>Makes reads and writes of the open file return EAGAIN instead of waiting, or wait again.</summary>
    /// <remarks>The setting belongs to the open file, so every process that shares it is affected.</remarks>
    public void SetNonBlocking(bool nonBlocking)
    {
        int flags = Result.Check(Libc.fcntl(this, Libc.F_GETFL, 0), "fcntl(F_GETFL)");
        flags = nonBlocking ? flags | Libc.O_NONBLOCK : flags & ~Libc.O_NONBLOCK;
        Result.Check(Libc.fcntl(this, Libc.F_SETFL, flags), "fcntl(F_SETFL)");
    }

    // Linux frees the descriptor even when close reports an error, so a retry could close someone else's.
    protected override bool ReleaseHandle() => Libc.close((int)handle) == 0;

    internal static FileDescriptor Socket(int domain, int type, int protocol = 0) =>
        new(Result.Check(Libc.socket(domain, type | Libc.SOCK_CLOEXEC, protocol), "socket"));

    private static string Short(string option) => option[(option.LastIndexOf('.') + 1)..];
}
