using System.Runtime.InteropServices;
using Nf.Linux;
using Nf.SharedMemory.Segments;

namespace Nf.DataPlane.Memory;

/// <summary>What a data plane must remember beyond its own death and no descriptor says: one record per
/// worker.</summary>
internal sealed unsafe class StateFile : IDisposable
{
    private const ulong Magic = 0x3145_5441_5453_464E; // "NFSTATE1"
    private const int HeaderBytes = 128;

    private readonly MappedMemory _memory;

    private StateFile(FileDescriptor file, MappedMemory memory)
    {
        File = file;
        _memory = memory;
    }

    /// <summary>The memfd, which stays with the keeper.</summary>
    internal FileDescriptor File { get; }

    private static int SizeBytes =>
        (HeaderBytes + (SegmentLayout.WorkerCountMax * sizeof(WorkerRecord)) + 4095) & ~4095;

    internal static StateFile Create()
    {
        FileDescriptor file = MemFile.Create("nf-state", SizeBytes, new MemFileOptions());
        var state = new StateFile(file, MappedMemory.Map(file, 0, SizeBytes, MapAccess.ReadWrite, populate: true));
        state.Header = new StateHeader { Magic = Magic, RecordBytes = (uint)sizeof(WorkerRecord) };
        return state;
    }

    /// <exception cref="InvalidDataException">It is not the state of a data plane of this layout.</exception>
    internal static StateFile Adopt(FileDescriptor file)
    {
        if (file.Length != SizeBytes)
        {
            throw new InvalidDataException($"the state has {file.Length} bytes, this layout has {SizeBytes}");
        }

        MappedMemory memory = MappedMemory.Map(file, 0, SizeBytes, MapAccess.ReadWrite, populate: true);
        var state = new StateFile(file, memory);
        if (state.Header.Magic != Magic || state.Header.RecordBytes != sizeof(WorkerRecord))
        {
            memory.Dispose();
            throw new InvalidDataException("the state is of another layout");
        }

        return state;
    }

    /// <summary>The number of the last event told, so that numbers go on over lives.</summary>
    internal ulong EventSequence
    {
        get => Header.EventSequence;
        set => Header.EventSequence = value;
    }

    // SAFETY: the mapping is larger than the header.
    private ref StateHeader Header => ref *(StateHeader*)_memory.Address;

    internal WorkerRecord* Record(int worker)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(worker);
        ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual(worker, SegmentLayout.WorkerCountMax);

        // SAFETY: SizeBytes holds the header and WorkerCountMax records, and that is what is mapped.
        return (WorkerRecord*)(_memory.Address + HeaderBytes) + worker;
    }

    public void Dispose()
    {
        _memory.Dispose();
        File.Dispose();
    }

    [StructLayout(LayoutKind.Sequential)]
    private struct StateHeader
    {
        internal ulong Magic;
        internal uint RecordBytes;
        internal uint Reserved;
        internal ulong EventSequence;
    }
}
