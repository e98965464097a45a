using System.Runtime.CompilerServices;
using Nf.DataPlane.Memory;
using Nf.Linux;
using Nf.SharedMemory.Rings;

namespace Nf.DataPlane.Ports;

/// <summary>
/// The fill and completion ring of one (interface, queue): how the kernel gets chunks of a UMEM and gives them back.
/// Sockets bound to the same queue on the same UMEM share one.
/// </summary>
internal sealed unsafe class XskPool
{
    /// <summary>Most chunks that are posted in one go.</summary>
    private const uint PostMax = 256;

    /// <summary>Chunks that a pool gets even when others have taken all but the last quarter: a burst.</summary>
    private const uint FillMin = 64;

    private readonly ushort _fillOwner;
    private readonly ushort _txOwner;
    private uint _fillTarget;
    private uint _fillTargetPools = uint.MaxValue;
    private ProducerRing<ulong> _fill;
    private ConsumerRing<ulong> _completion;

    internal XskPool(int id, Umem umem, ProducerRing<ulong> fill, ConsumerRing<ulong> completion)
    {
        Id = id;
        Umem = umem;
        _fill = fill;
        _completion = completion;
        _fillOwner = (ushort)(ChunkOwner.Fill | id);
        _txOwner = (ushort)(ChunkOwner.Tx | id);
    }

    /// <summary>Its number in the ledger.</summary>
    internal int Id { get; }

    /// <summary>Whose chunks pass through it.</summary>
    internal Umem Umem { get; }

    /// <summary>Chunks that the kernel has to receive into, those waiting in RX rings included.</summary>
    internal uint FillHeld { get; private set; }

    /// <summary>Chunks that the kernel has to send, those waiting in the completion ring included.</summary>
    internal uint TxHeld { get; private set; }

    /// <summary>Chunks that came back sent, since the pool was made or adopted.</summary>
    internal ulong Completions { get; private set; }

    /// <summary>The fill ring, for levels, recovery and audits.</summary>
    internal ref ProducerRing<ulong> Fill => ref _fill;

    /// <summary>The completion ring, for levels, recovery and audits.</summary>
    internal ref ConsumerRing<ulong> Completion => ref _completion;

    /// <summary>Ledger entry of a chunk posted here.</summary>
    internal ushort FillOwner => _fillOwner;

    /// <summary>Ledger entry of a chunk sent through here.</summary>
    internal ushort TxOwner => _txOwner;

    /// <summary>How many chunks the kernel should have: a full ring, or this pool's part of three quarters of the
    /// UMEM.</summary>
    /// <remarks>The last quarter is for sending copies, which need a free chunk before anything was received.</remarks>
    internal uint FillTarget
    {
        get
        {
            // Asked in every round, idle ones too: no division where nothing has changed.
            uint pools = Umem.PoolCount;
            if (pools != _fillTargetPools)
            {
                _fillTargetPools = pools;
                _fillTarget = Math.Min(_fill.Size, Math.Max(1, Umem.FillBudget / Math.Max(1, pools)));
            }

            return _fillTarget;
        }
    }

    /// <summary>
    /// True while chunks are missing from the fill ring that a later round can post: free ones, which another pool's
    /// completions brought back after this pool's turn, or ones that completions of any pool of the UMEM will bring.
    /// </summary>
    internal bool WaitsForChunks => FillHeld < FillTarget && (Umem.TxHeld > 0 || Umem.Pool.Count > 0)
        && (FillHeld < FillMin || Umem.FillHeld < Umem.FillBudget);

    /// <summary>Goes on with the same rings under another mapping: that of another socket of this queue.</summary>
    internal void Remap(ProducerRing<ulong> fill, ConsumerRing<ulong> completion)
    {
        _fill = fill;
        _completion = completion;
        _fillTargetPools = uint.MaxValue;
    }

    /// <summary>Counts chunks that went to the kernel, or came back (negative).</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal void Hold(int fill, int tx)
    {
        FillHeld += (uint)fill;
        TxHeld += (uint)tx;
        Umem.FillHeld += (uint)fill;
        Umem.TxHeld += (uint)tx;
    }

    /// <summary>Takes back what the kernel has sent.</summary>
    internal uint ReapCompletions()
    {
        if (TxHeld == 0 && !_completion.HasEntries)
        {
            return 0;
        }

        uint count = _completion.Peek(_completion.Size, out uint first);
        if (count == 0)
        {
            return 0;
        }

        ChunkTable chunks = Umem.Chunks;
        RingSlots<ulong> completed = _completion.Slots;
        ushort txOwner = _txOwner;
        uint room = Umem.Pool.Room(out uint* free);
        uint freed = 0;
        for (uint i = 0; i < count; i++)
        {
            // The kernel itself can return an address that was never sent: it completes invalid descriptors with
            // whatever they held. Only a chunk that the ledger says is out for sending here comes back.
            if (chunks.TryChunkOf(completed[first + i], out uint chunk) && chunks.OwnerOf(chunk) == txOwner
                && freed < room)
            {
                chunks.SetOwner(chunk, ChunkOwner.Free);

                // SAFETY: there is room for it.
                free[freed++] = chunk;
            }
            else
            {
                Umem.CountWildCompletion();
            }
        }

        Umem.Pool.Grow(freed);
        _completion.Release();
        Hold(fill: 0, tx: -(int)freed);
        Completions += freed;
        return freed;
    }

    /// <summary>Posts free chunks to the fill ring when enough are missing to be worth it.</summary>
    /// <param name="record">Where the step is written down before it is taken.</param>
    /// <param name="port">Slot of a port that uses this pool.</param>
    /// <param name="socket">A socket of the pool, to be woken when the driver sleeps.</param>
    /// <param name="always">Post even a few: nothing else will happen for a while.</param>
    /// <returns>True when the kernel had to be woken.</returns>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal bool Refill(WorkerRecord* record, int port, AfXdpSocket socket, bool always)
    {
        uint target = FillTarget;
        if (FillHeld >= target || (target - FillHeld < PostMax / 4 && !always && FillHeld > target / 2))
        {
            return false;
        }

        uint wanted = Math.Min(target - FillHeld, Affordable());
        return wanted != 0 && Post(record, port, socket, wanted);
    }

    // Pools that came first hold what they were given as long as nothing arrives there, so the parts of all may be more
    // than there is. What is kept back for copies stays; of it a pool that has next to nothing gets up to half of what
    // is left, or its queue would be deaf.
    private uint Affordable()
    {
        uint budget = Umem.FillBudget;
        uint within = Umem.FillHeld < budget ? budget - Umem.FillHeld : 0;
        uint atLeast = FillHeld < FillMin ? Math.Min(FillMin - FillHeld, (Umem.Pool.Count + 1) / 2) : 0;
        return Math.Max(within, atLeast);
    }

    private bool Post(WorkerRecord* record, int port, AfXdpSocket socket, uint wanted)
    {
        ushort fillOwner = _fillOwner;
        uint count = Math.Min(_fill.Free(PostMax), Math.Min(wanted, Umem.Pool.Count));
        if (count == 0 || !_fill.TryReserve(count, out uint first))
        {
            return false;
        }

        ChunkTable chunks = Umem.Chunks;
        RingSlots<ulong> slots = _fill.Slots;
        uint* taken = Umem.Pool.Take(count);
        for (uint i = 0; i < count; i++)
        {
            // SAFETY: count were taken. From the top, so that what was used last is used first.
            slots[first + i] = chunks.AddressOf(taken[count - 1 - i]);
        }

        // SAFETY: the record is in the state file, which stays mapped longer than any worker.
        // The record before the ledger, the ledger before the ring: a successor that finds the record open and the
        // ring's index short of the target knows that the slots between are still free chunks.
        Volatile.Write(ref record->FillPort, port);
        Volatile.Write(ref record->FillTarget, first + count);
        Volatile.Write(ref record->FillOpen, 1u);
        for (uint i = 0; i < count; i++)
        {
            chunks.SetOwner(taken[i], fillOwner);
        }

        _fill.Submit();
        Hold(fill: (int)count, tx: 0);
        Volatile.Write(ref record->FillOpen, 0u);
        if (_fill.NeedsWakeup)
        {
            socket.WakeRx();
            return true;
        }

        return false;
    }
}
