using Nf.Linux.Tests.Support;

namespace Nf.Linux.Tests.Namespaces;

public class NetworkNamespaceTests
{
    [Fact]
    public void OpenCurrent_AndOpenPid_AreTheSame()
    {
        using NetworkNamespace current = NetworkNamespace.OpenCurrent();
        using NetworkNamespace own = NetworkNamespace.OpenPid(Environment.ProcessId);
        Assert.Equal(current.Identity, own.Identity);
    }

    [Fact]
    public void OpenPath_OrdinaryFile_RefusedWithItsName()
    {
        var error = Assert.Throws<LinuxException>(() => NetworkNamespace.OpenPath("/etc/hostname"));
        Assert.Equal("/etc/hostname is not a network namespace: EINVAL (Invalid argument)", error.Message);
    }

    [Fact]
    public void OpenPath_NamespaceOfOtherKind_RefusedWithItsName()
    {
        var error = Assert.Throws<LinuxException>(() => NetworkNamespace.OpenPath("/proc/self/ns/mnt"));
        Assert.StartsWith("/proc/self/ns/mnt is a namespace, but not", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void OpenPath_NamedPipe_RefusedWithoutWaitingForAWriter()
    {
        using var directory = new TempDirectory();
        Command.Run("mkfifo", directory.File("pipe"));
        var error = Assert.Throws<LinuxException>(() => NetworkNamespace.OpenPath(directory.File("pipe")));
        Assert.Equal(Errno.EINVAL, error.Errno);
    }

    [Fact]
    public void OpenPath_Missing_IsEnoent() =>
        Assert.Equal(
            Errno.ENOENT, Assert.Throws<LinuxException>(() => NetworkNamespace.OpenPath("/run/netns/nf-none")).Errno);
}

[Trait("Tier", "kernel")]
public class NetworkNamespaceKernelTests
{
    [KernelFact]
    public void Run_OtherNamespace_OnlyThatThreadIsInside()
    {
        using var space = new TestNamespace();
        FileIdentity inside = space.Run(() =>
        {
            using NetworkNamespace current = NetworkNamespace.OpenCurrent();
            return current.Identity;
        });
        using NetworkNamespace outside = NetworkNamespace.OpenCurrent();
        Assert.Equal(space.Namespace.Identity, inside);
        Assert.NotEqual(inside, outside.Identity);
    }

    [KernelFact]
    public void Run_ActionThrows_SameExceptionWithItsStack()
    {
        using var space = new TestNamespace();
        var error = Assert.Throws<InvalidDataException>(() => space.Run(ThrowsInside));
        Assert.Contains(nameof(ThrowsInside), error.StackTrace, StringComparison.Ordinal);
    }

    private static void ThrowsInside() => throw new InvalidDataException("from inside");

    [Fact]
    public void Run_InOwnNamespace_StaysOnTheCallingThreadAndNeedsNoPrivilege()
    {
        using NetworkNamespace own = NetworkNamespace.OpenCurrent();
        using NetworkNamespace again = own.Duplicate();

        Assert.Equal(Environment.CurrentManagedThreadId, again.Run(() => Environment.CurrentManagedThreadId));
    }

    [Fact]
    public void Adopt_SomethingElse_IsRefusedAndStaysTheCallers()
    {
        using FileDescriptor other = FileDescriptor.OpenReadOnly("/dev/null");

        Assert.Throws<ArgumentException>(() => NetworkNamespace.Adopt(other));
        Assert.False(other.IsClosed);
    }

    [Fact]
    public void Adopt_ReceivedDescriptor_IsTheSameNamespace()
    {
        using NetworkNamespace own = NetworkNamespace.OpenCurrent();
        using NetworkNamespace adopted = NetworkNamespace.Adopt(own.Descriptor.Duplicate());

        Assert.Equal(own.Identity, adopted.Identity);
    }
}
