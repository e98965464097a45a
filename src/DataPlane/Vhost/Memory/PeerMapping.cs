using Nf.Linux;

namespace Nf.DataPlane.Vhost.Memory;

/// <summary>
/// Part of a file that a peer sent, mapped for reading and writing, with a descriptor of the file. Shared by counting:
/// unmapped when the last of its holders has let go.
/// </summary>
/// <remarks>
/// The peer keeps the file and may shrink it at any time: the mapping is guarded, so that this costs the mapping
/// (<see cref="IsLost"/>) and not the process.
/// </remarks>
internal sealed unsafe class PeerMapping
{
    private readonly MappedMemory _memory;
    private readonly FaultGuard _guard;
    private readonly FileIdentity _identity;
    private int _holders = 1;

    private PeerMapping(FileDescriptor file, MappedMemory memory, FaultGuard guard, ulong offset, ulong sizeBytes)
    {
        File = file;
        _memory = memory;
        _guard = guard;
        _identity = file.Identity;
        Offset = offset;
        SizeBytes = sizeBytes;

        // SAFETY: the mapping begins at the offset rounded down to its pages, and covers sizeBytes from the offset on.
        Base = memory.Address + (offset % (ulong)file.MappingPageBytes);
    }

    /// <summary>Our own descriptor of the file.</summary>
    internal FileDescriptor File { get; }

    /// <summary>Where the part begins in the file.</summary>
    internal ulong Offset { get; }

    /// <summary>Size of the part.</summary>
    internal ulong SizeBytes { get; }

    /// <summary>First byte of the part. SAFETY: SizeBytes are mapped until the last holder lets go.</summary>
    internal byte* Base { get; }

    /// <summary>True once its file shrank under us and fresh memory took its place.</summary>
    internal bool IsLost => _guard.IsLost;

    /// <summary>Maps part of a file; takes no ownership of the descriptor.</summary>
    /// <param name="file">The file, as it came from a peer.</param>
    /// <param name="offset">Where the part begins, in bytes; any value.</param>
    /// <param name="sizeBytes">Its size; any value.</param>
    /// <param name="what">What the refusal calls it.</param>
    /// <exception cref="VhostRefusedException">It breaks a rule, or cannot be mapped.</exception>
    internal static PeerMapping Map(FileDescriptor file, ulong offset, ulong sizeBytes, string what)
    {
        try
        {
            Check(file, offset, sizeBytes, what);
            return MapChecked(file, offset, sizeBytes);
        }
        catch (LinuxException e)
        {
            throw new VhostRefusedException($"{what} cannot be mapped: {e.Message}");
        }
    }

    /// <summary>Refuses what <see cref="Map"/> would, but maps nothing.</summary>
    /// <exception cref="VhostRefusedException">It breaks a rule.</exception>
    internal static void Check(FileDescriptor file, ulong offset, ulong sizeBytes, string what)
    {
        if (sizeBytes == 0)
        {
            throw new VhostRefusedException($"{what}: size 0; it must not be empty");
        }

        // Twice the largest page less than what a file can have, so that rounding cannot overflow either.
        const ulong EndMax = long.MaxValue / 2;
        if (offset > EndMax || sizeBytes > EndMax - offset)
        {
            throw new VhostRefusedException(
                $"{what}: offset 0x{offset:x} and size 0x{sizeBytes:x} reach beyond what a file can have");
        }

        if (file.IsServedByProcess)
        {
            throw new VhostRefusedException(
                $"{what}: its file lies on FUSE, whose server could stop a worker for good by keeping a page back");
        }

        if (file.IsRegularFile && (ulong)file.Length < offset + sizeBytes)
        {
            throw new VhostRefusedException(
                $"{what}: its file has 0x{file.Length:x} bytes; offset 0x{offset:x} and size 0x{sizeBytes:x} reach " +
                "beyond them");
        }
    }

    /// <summary>Whether this maps that part of that file already, and still does.</summary>
    internal bool Is(FileIdentity identity, ulong offset, ulong sizeBytes) =>
        _identity == identity && Offset == offset && SizeBytes == sizeBytes && !IsLost;

    /// <summary>Counts one more holder.</summary>
    internal PeerMapping Share()
    {
        Interlocked.Increment(ref _holders);
        return this;
    }

    /// <summary>Counts one holder less.</summary>
    internal void Release()
    {
        if (Interlocked.Decrement(ref _holders) == 0)
        {
            // Before the memory goes: a fault in whatever is mapped there next is not ours to mend.
            _guard.Dispose();
            _memory.Dispose();
            File.Dispose();
        }
    }

    private static PeerMapping MapChecked(FileDescriptor file, ulong offset, ulong sizeBytes)
    {
        FileDescriptor own = file.Duplicate();
        MappedMemory? memory = null;
        FaultGuard? guard = null;
        try
        {
            // Huge pages must be mapped and unmapped whole.
            ulong page = (ulong)own.MappingPageBytes;
            ulong start = offset / page * page;
            ulong length = (offset - start + sizeBytes + page - 1) / page * page;
            memory = MappedMemory.Map(own, (long)start, (long)length, MapAccess.ReadWrite, reserve: false);
            memory.ExcludeFromDump();
            guard = FaultGuard.Register(memory, (long)page);
            return new PeerMapping(own, memory, guard, offset, sizeBytes);
        }
        catch
        {
            guard?.Dispose();
            memory?.Dispose();
            own.Dispose();
            throw;
        }
    }
}
