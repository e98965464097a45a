using System.Runtime.CompilerServices;
using Nf.Linux;
using Nf.SharedMemory.Segments;
using Nf.SharedMemory.Umems;

namespace Nf.DataPlane.Memory;

/// <summary>Packet memory as a worker sees it: chunks, who has each of them, and which are free.</summary>
/// <remarks>
/// Belongs to one worker at a time; nothing here locks. Two memfds make it survive the process: the packets, and the
/// ledger of owners. Both stay with the keeper.
/// </remarks>
internal sealed unsafe class Umem : IDisposable
{
    private readonly MappedMemory _packets;
    private readonly MappedMemory _ledgerMemory;
    private readonly ushort* _ledger;
    private readonly ChunkPool _pool;
    private readonly UmemCounters* _counters;
    private readonly int _chunkShift;
    private readonly ulong _chunkStride;
    private readonly uint _chunkCount;

    private Umem(UmemFiles files, UmemGeometry geometry, UmemCounters* counters)
    {
        Files = files;
        Geometry = geometry;
        _packets = files.MapPackets(geometry);
        _ledgerMemory = files.MapLedger(geometry);
        _ledger = (ushort*)_ledgerMemory.Address;
        _counters = counters;
        _chunkStride = geometry.ChunkStrideBytes;
        _chunkCount = geometry.ChunkCount;
        _chunkShift = geometry.IsUnaligned ? 0 : (int)uint.Log2(geometry.ChunkSizeBytes);
        _pool = new ChunkPool(_chunkCount);
        FillBudget = Math.Max(1, (uint)(_chunkCount * 3UL / 4));
    }

    /// <summary>The descriptors behind it.</summary>
    internal UmemFiles Files { get; }

    /// <summary>Its shape.</summary>
    internal UmemGeometry Geometry { get; }

    /// <summary>Where the packets are.</summary>
    internal byte* Base => _packets.Address;

    /// <summary>Chunks in all.</summary>
    internal uint ChunkCount => _chunkCount;

    /// <summary>The chunks and their owners, for a loop over many.</summary>
    internal ChunkTable Chunks => new(_ledger, _chunkStride, _chunkShift, _chunkCount);

    /// <summary>The free pool.</summary>
    internal ChunkPool Pool => _pool;

    /// <summary>Completion entries refused.</summary>
    internal ulong WildCompletions => Counters.WildCompletions;

    /// <summary>Sockets' pools that share its chunks, so that each takes its part only.</summary>
    internal uint PoolCount { get; set; }

    /// <summary>
    /// Chunks that fill rings may hold together: the rest is for sending copies, which need a free chunk before
    /// anything was received.
    /// </summary>
    internal uint FillBudget { get; }

    /// <summary>Chunks that the kernel has to receive into, through all pools.</summary>
    internal uint FillHeld { get; set; }

    /// <summary>Chunks that the kernel has to send, through all pools.</summary>
    internal uint TxHeld { get; set; }

    /// <summary>True when the packets are locked besides being pinned.</summary>
    internal bool Locked => Files.LockReason.Length == 0;

    // SAFETY: the constructor was given a line of the segment, which stays mapped longer than any UMEM.
    private ref UmemCounters Counters => ref *_counters;

    /// <summary>Makes a UMEM over memory in which every chunk is free.</summary>
    internal static Umem Create(UmemFiles files, UmemGeometry geometry, UmemCounters* counters)
    {
        var umem = new Umem(files, geometry, counters);
        new Span<ushort>(umem._ledger, (int)umem._chunkCount).Clear();
        umem.RebuildPool();
        return umem;
    }

    /// <summary>Makes a UMEM over what an earlier life left; <see cref="RebuildPool"/> comes after its ports.</summary>
    internal static Umem Adopt(UmemFiles files, UmemGeometry geometry, UmemCounters* counters) =>
        new(files, geometry, counters);

    /// <summary>Finds the chunk that an address of a descriptor lies in.</summary>
    /// <returns>False when the address is outside the UMEM.</returns>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal bool TryChunkOf(ulong address, out uint chunk) => Chunks.TryChunkOf(address, out chunk);

    /// <summary>Finds the chunk that a byte lies in.</summary>
    /// <returns>False when it is outside the UMEM.</returns>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal bool TryChunkAt(byte* data, out uint chunk)
    {
        // Unsigned: what lies before the base is far behind the end.
        ulong offset = (ulong)(data - _packets.Address);
        chunk = (uint)(_chunkShift != 0 ? offset >> _chunkShift : offset / _chunkStride);
        return offset < Geometry.SizeBytes && chunk < _chunkCount;
    }

    /// <summary>Address of a chunk's first byte, as rings want it.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal ulong AddressOf(uint chunk) => chunk * _chunkStride;

    /// <summary>Where the bytes of a descriptor are, or null when they reach beyond the UMEM.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal byte* DataOf(ulong address, uint length)
    {
        ulong offset = _chunkShift != 0 ? address : (address & ChunkTable.UnalignedBaseMask) + (address >> 48);

        // Unsigned and in this order, so that no sum can wrap.
        return offset <= Geometry.SizeBytes && length <= Geometry.SizeBytes - offset ? _packets.Address + offset : null;
    }

    /// <summary>The owner and pool of a chunk.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal ushort OwnerOf(uint chunk) => Chunks.OwnerOf(chunk);

    /// <summary>Writes the owner and pool of a chunk.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal void SetOwner(uint chunk, ushort owner) => Chunks.SetOwner(chunk, owner);

    /// <summary>Gives a chunk back to the free pool.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal void Free(uint chunk)
    {
        SetOwner(chunk, ChunkOwner.Free);
        _pool.Push(chunk);
    }

    /// <summary>Counts a completion entry that names no chunk the kernel had.</summary>
    internal void CountWildCompletion() => Counters.WildCompletions++;

    /// <summary>Publishes how many chunks are where.</summary>
    internal void PublishCounts()
    {
        Counters.Free = _pool.Count;
        Counters.Fill = FillHeld;
        Counters.Tx = TxHeld;
    }

    /// <summary>Gives every chunk of an owner to the free pool: the kernel has let go of that pool.</summary>
    /// <returns>How many there were.</returns>
    internal uint Reclaim(int pool)
    {
        uint reclaimed = 0;
        for (uint chunk = 0; chunk < _chunkCount; chunk++)
        {
            ushort owner = OwnerOf(chunk);
            if ((owner & ChunkOwner.KindMask) is ChunkOwner.Fill or ChunkOwner.Tx
                && (owner & ChunkOwner.PoolMask) == pool)
            {
                Free(chunk);
                reclaimed++;
            }
        }

        return reclaimed;
    }

    /// <summary>Fills the free pool with every chunk that the ledger calls free.</summary>
    internal void RebuildPool()
    {
        while (_pool.TryPop(out _))
        {
            // Emptied first: adoption may have pushed some already.
        }

        // Downwards, so that the lowest chunks are used first.
        for (uint chunk = _chunkCount; chunk-- > 0;)
        {
            if (OwnerOf(chunk) == ChunkOwner.Free)
            {
                _pool.Push(chunk);
            }
        }
    }

    public void Dispose()
    {
        _pool.Dispose();
        _packets.Dispose();
        _ledgerMemory.Dispose();
    }
}
