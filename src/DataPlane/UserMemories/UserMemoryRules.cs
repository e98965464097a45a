using Nf.Linux;

namespace Nf.DataPlane.UserMemories;

/// <summary>What a request must keep to. The order of the checks, and what each refusal is called, are those of
/// i915_gem_userptr_ioctl: programs tell by the errno what to do instead.</summary>
internal static class UserMemoryRules
{
    private const ulong PageCountMax = int.MaxValue;

    private static readonly ulong PageBytes = (ulong)Environment.SystemPageSize;

    /// <summary>Refuses what is wrong with a request by itself; touches no page of the memory.</summary>
    /// <exception cref="CommandFaultException">The first rule that it breaks.</exception>
    internal static void Check(
        in UserMemoryRequest request, FileDescriptor? file, UserMemoryLimits limits, UserMemorySupport support)
    {
        if (support.DeviceRefusal is { } refusal)
        {
            throw Fault("NO_USER_MEMORY", $"user memory cannot be had here: {refusal}", Errno.ENODEV);
        }

        CheckNumbers(request, limits);
        CheckRange(request, file);
        if (request.Flags.HasFlag(UserMemoryFlags.ReadOnly) && !limits.IsReadOnlySupported)
        {
            throw Fault(
                "READ_ONLY_MEMORY",
                "flags: READ_ONLY; nothing here that could use it leaves memory unwritten",
                Errno.ENODEV);
        }
    }

    /// <summary>Decides how the memory will be tracked.</summary>
    /// <param name="request">Checked.</param>
    /// <param name="userfault">What came with it, or null.</param>
    /// <param name="isPrivileged">Whether the peer may do without.</param>
    /// <param name="support">What the kernel has.</param>
    /// <returns>The source of invalidations; null only for memory that is not tracked.</returns>
    /// <exception cref="CommandFaultException">EPERM: not tracked, for a peer without privileges. ENODEV: nothing to
    /// track it by.</exception>
    internal static Userfaultfd? CheckTracking(
        in UserMemoryRequest request, FileDescriptor? userfault, bool isPrivileged, UserMemorySupport support)
    {
        if (request.Flags.HasFlag(UserMemoryFlags.Unsynchronized))
        {
            if (!isPrivileged)
            {
                throw Fault("UNSYNCHRONIZED_MEMORY", "flags: UNSYNCHRONIZED; takes a privileged peer", Errno.EPERM);
            }

            return userfault is null ? null : AdoptSource(userfault);
        }

        if (support.TrackingRefusal is { } refusal)
        {
            throw Fault("NO_TRACKING", $"memory cannot be tracked: {refusal}", Errno.ENODEV);
        }

        return AdoptSource(userfault);
    }

    /// <summary>Judges a userfaultfd.</summary>
    /// <exception cref="CommandFaultException">ENODEV: none, no such thing, or one that does not tell enough.
    /// </exception>
    internal static Userfaultfd AdoptSource(FileDescriptor? userfault)
    {
        if (userfault is null)
        {
            throw Fault("NO_TRACKING", "userfaultfd: none; it is what tells when the memory goes", Errno.ENODEV);
        }

        try
        {
            Userfaultfd source = Userfaultfd.Adopt(userfault);
            UserfaultFeatures lacking = UserfaultFeatures.Invalidations & ~source.Features;
            return lacking == UserfaultFeatures.None
                ? source
                : throw Fault(
                    "NO_TRACKING", $"userfaultfd: was not asked for {lacking}; all three are needed", Errno.ENODEV);
        }
        catch (ArgumentException e)
        {
            throw Fault("NO_TRACKING", $"userfaultfd: {e.Message}", Errno.ENODEV);
        }
    }

    internal static CommandFaultException Fault(string reason, string message, Errno errno) =>
        new(reason, message, errno);

    private static void CheckNumbers(in UserMemoryRequest request, UserMemoryLimits limits)
    {
        if ((request.Flags & ~UserMemoryFlags.Known) != 0)
        {
            throw Fault(
                "BAD_MEMORY",
                $"flags: 0x{(uint)request.Flags:x}; known are READ_ONLY (0x1) and UNSYNCHRONIZED (0x80000000)",
                Errno.EINVAL);
        }

        if (request.Size / PageBytes > PageCountMax)
        {
            throw Fault(
                "MEMORY_TOO_LARGE", $"size: {request.Size} bytes; at most {PageCountMax} pages", Errno.E2BIG);
        }

        if (request.Size > limits.ObjectBytesMax)
        {
            throw Fault(
                "MEMORY_TOO_LARGE", $"size: {request.Size} bytes; at most {limits.ObjectBytesMax}", Errno.E2BIG);
        }

        if (request.Size == 0)
        {
            throw Fault("BAD_MEMORY", "size: 0; must not be empty", Errno.EINVAL);
        }

        if (((request.Address | request.Size | request.FileOffset) & (PageBytes - 1)) != 0)
        {
            throw Fault(
                "BAD_MEMORY",
                $"address 0x{request.Address:x}, size 0x{request.Size:x}, file offset 0x{request.FileOffset:x}: "
                + $"all must be multiples of {PageBytes}",
                Errno.EINVAL);
        }
    }

    private static void CheckRange(in UserMemoryRequest request, FileDescriptor? file)
    {
        if (!AddressSpace.IsUserRange(request.Address, request.Size))
        {
            throw Fault(
                "BAD_MEMORY",
                $"address 0x{request.Address:x}: no process has 0x{request.Size:x} bytes there",
                Errno.EFAULT);
        }

        if (file is not null)
        {
            CheckFile(request, file);
        }
    }

    private static void CheckFile(in UserMemoryRequest request, FileDescriptor file)
    {
        const MemFileSeals Demanded = MemFileSeals.Shrink | MemFileSeals.Grow;
        MemFileSeals seals;
        try
        {
            // First, because it asks no file system: whoever serves one could keep the answer back for ever.
            seals = MemFile.GetSeals(file);
        }
        catch (LinuxException e) when (e.Errno is Errno.EINVAL or Errno.EBADF)
        {
            throw Fault("NOT_MEMORY", "file: not a memfd; only ordinary memory can be used", Errno.EFAULT);
        }

        ulong length = (ulong)file.Length;
        if (request.Size > length || request.FileOffset > length - request.Size)
        {
            throw Fault(
                "BAD_MEMORY",
                $"file offset 0x{request.FileOffset:x}, size 0x{request.Size:x}: beyond the file's 0x{length:x} bytes",
                Errno.EFAULT);
        }

        if ((seals & Demanded) != Demanded)
        {
            throw Fault(
                "UNSEALED_MEMORY",
                $"file: seals {seals}; {Demanded} are demanded, or it could be taken away unseen",
                Errno.EPERM);
        }
    }
}
