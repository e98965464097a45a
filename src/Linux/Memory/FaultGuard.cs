namespace Nf.Linux;

/// <summary>
/// Keeps this process alive when the file behind a mapping shrinks: touching what is not there any more raises SIGBUS,
/// and fresh zeroed memory takes its place, from the touched page to the end of the mapping. For memory that a peer
/// owns, who may shrink it at any time.
/// </summary>
/// <remarks>
/// A fault outside guarded mappings ends the process as before. System calls that touch lost memory fail with EFAULT
/// and mend nothing.
/// </remarks>
public sealed unsafe class FaultGuard : IDisposable
{
    // SAFETY: points to a counter of the native library, which is never unloaded.
    private static readonly ulong* FaultCount = NativeGuard.nf_fault_guard_faults();

    // SAFETY: points to the flag of our slot in a table of the native library; ours until Dispose.
    private readonly uint* _flag;
    private readonly int _slot;
    private bool _lost;
    private bool _disposed;

    private FaultGuard(int slot)
    {
        _slot = slot;
        _flag = NativeGuard.nf_fault_guard_lost(slot);
    }

    /// <summary>How often memory was replaced, in all mappings since the start. Goes up after
    /// <see cref="IsLost"/> became true.</summary>
    public static ulong Faults => Volatile.Read(ref *FaultCount);

    /// <summary>Whether memory of the mapping was replaced; never false again.</summary>
    public bool IsLost => _disposed ? _lost : Volatile.Read(ref *_flag) != 0;

    /// <summary>Guards a mapping from now on. Disposed before the memory is.</summary>
    /// <param name="memory">A mapping of a file.</param>
    /// <param name="pageSizeBytes">Size of its pages; more than the system's for huge ones.</param>
    /// <exception cref="LinuxException">ENOSPC when 8192 mappings are guarded already.</exception>
    public static FaultGuard Register(MappedMemory memory, long pageSizeBytes)
    {
        ArgumentNullException.ThrowIfNull(memory);
        ArgumentOutOfRangeException.ThrowIfLessThan(pageSizeBytes, Environment.SystemPageSize);
        if (!long.IsPow2(pageSizeBytes))
        {
            throw new ArgumentOutOfRangeException(nameof(pageSizeBytes), pageSizeBytes, "not a power of two");
        }

        // SAFETY: only addresses are stored; the range is mapped and ours until the guard is disposed.
        return new FaultGuard(Result.Check(
            NativeGuard.nf_fault_guard_register(memory.Address, (nuint)memory.Length, (nuint)pageSizeBytes),
            "nf_fault_guard_register"));
    }

    /// <summary>Guards no longer. No thread touches the memory any more.</summary>
    public void Dispose()
    {
        if (!_disposed)
        {
            _lost = IsLost;
            _disposed = true;
            NativeGuard.nf_fault_guard_unregister(_slot);
        }
    }
}
