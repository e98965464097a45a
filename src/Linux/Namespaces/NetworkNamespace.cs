using System.Runtime.ExceptionServices;

namespace Nf.Linux;

/// <summary>A network namespace, kept alive by its descriptor.</summary>
public sealed unsafe class NetworkNamespace : IDisposable
{
    private NetworkNamespace(FileDescriptor descriptor) => Descriptor = descriptor;

    /// <summary>For keeping the namespace alive elsewhere.</summary>
    public FileDescriptor Descriptor { get; }

    /// <summary>Which namespace this is: equal for every way of opening it.</summary>
    public FileIdentity Identity => Descriptor.Identity;

    /// <summary>The one of the calling thread.</summary>
    public static NetworkNamespace OpenCurrent() => OpenPath("/proc/thread-self/ns/net");

    /// <summary>The one of a process.</summary>
    /// <exception cref="LinuxException">ENOENT without such a process, EACCES when it may not be looked at.</exception>
    public static NetworkNamespace OpenPid(int pid)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(pid);
        return OpenPath($"/proc/{pid}/ns/net");
    }

    /// <summary>The one a file stands for, such as /run/netns/name.</summary>
    /// <exception cref="LinuxException">
    /// open failed; or EINVAL when the file is something else, which is found out without opening it for reading, so a
    /// pipe or device in its place does no harm.
    /// </exception>
    public static NetworkNamespace OpenPath(string path)
    {
        using FileDescriptor location = FileDescriptor.Open(path, Libc.O_PATH);
        statfs fileSystem = default;

        // SAFETY: fileSystem is a local of the kernel's full struct size.
        Result.Check(Libc.fstatfs(location, &fileSystem), $"fstatfs({path})");
        if ((uint)fileSystem.f_type != Libc.NSFS_MAGIC)
        {
            throw new LinuxException($"{path} is not a network namespace", Errno.EINVAL);
        }

        // Through /proc, so that this is the very file just judged, whatever the path means by now.
        FileDescriptor descriptor = FileDescriptor.OpenReadOnly($"/proc/self/fd/{location.Number}");
        if (!IsNetworkNamespace(descriptor))
        {
            descriptor.Dispose();
            throw new LinuxException($"{path} is a namespace, but not a network namespace", Errno.EINVAL);
        }

        return new NetworkNamespace(descriptor);
    }

    /// <summary>Takes over a received descriptor.</summary>
    /// <exception cref="ArgumentException">
    /// It is not of a network namespace; the descriptor stays the caller's.
    /// </exception>
    public static NetworkNamespace Adopt(FileDescriptor descriptor)
    {
        ArgumentNullException.ThrowIfNull(descriptor);
        return IsNetworkNamespace(descriptor)
            ? new NetworkNamespace(descriptor)
            : throw new ArgumentException(
                $"descriptor is {descriptor.Target}, expected a network namespace", nameof(descriptor));
    }

    /// <summary>A new, empty namespace that nobody else knows; it ends with its last reference.</summary>
    /// <exception cref="LinuxException">unshare failed: EPERM without CAP_SYS_ADMIN.</exception>
    public static NetworkNamespace CreateAnonymous() => RunOnOwnThread(
        () =>
        {
            Result.Check(Libc.unshare(Libc.CLONE_NEWNET), "unshare(CLONE_NEWNET)");
            return OpenCurrent();
        });

    /// <summary>A second reference to the same namespace, owned separately.</summary>
    public NetworkNamespace Duplicate() => new(Descriptor.Duplicate());

    /// <summary>
    /// Runs something inside the namespace, on a thread that is used for nothing else, and waits for it. A thread that
    /// is in the namespace already runs it itself, which needs no privilege.
    /// </summary>
    /// <typeparam name="T">What it returns.</typeparam>
    /// <exception cref="LinuxException">setns failed: EPERM without CAP_SYS_ADMIN.</exception>
    public T Run<T>(Func<T> action)
    {
        ArgumentNullException.ThrowIfNull(action);
        return IsOfCallingThread()
            ? action()
            : RunOnOwnThread(() =>
            {
                Enter();
                return action();
            });
    }

    /// <inheritdoc cref="Run{T}(Func{T})"/>
    public void Run(Action action)
    {
        ArgumentNullException.ThrowIfNull(action);
        Run(() =>
        {
            action();
            return true;
        });
    }

    /// <inheritdoc/>
    public void Dispose() => Descriptor.Dispose();

    private bool IsOfCallingThread()
    {
        using NetworkNamespace current = OpenCurrent();
        return current.Identity == Identity;
    }

    // A thread that has changed its namespace is good for nothing else.
    private static T RunOnOwnThread<T>(Func<T> action)
    {
        T result = default!;
        ExceptionDispatchInfo? failure = null;
        var thread = new Thread(() =>
        {
            try
            {
                result = action();
            }
            catch (Exception e)
            {
                failure = ExceptionDispatchInfo.Capture(e);
            }
        });
        thread.Name = "nf-netns";
        thread.Start();
        thread.Join();
        failure?.Throw();
        return result;
    }

    // SAFETY: this command takes no argument, so there is nothing for the kernel to touch.
    private static bool IsNetworkNamespace(FileDescriptor descriptor) =>
        Libc.ioctl(descriptor, Libc.NS_GET_NSTYPE, null) == Libc.CLONE_NEWNET;

    /// <summary>Moves the calling thread, for ever: never a pool thread.</summary>
    private void Enter() => Result.Check(Libc.setns(Descriptor, Libc.CLONE_NEWNET), "setns(CLONE_NEWNET)");
}
