using Nf.DataPlane.Memory;
using Nf.Linux;
using Nf.SharedMemory.Rings;
using Nf.SharedMemory.Segments;

namespace Nf.DataPlane.Ports;

/// <summary>
/// Brings ports, their ledger and their rings into one consistent state after the life that worked on them was killed.
/// </summary>
/// <remarks>
/// <para>What a killed worker leaves behind is one of a few pictures, because it stops between two stores:</para>
/// <list type="number">
/// <item>A burst that was committed (the TX index reached the record's target) but not finished: the RX entries it used
/// up are released, copied originals are freed, counters set to what the record says.</item>
/// <item>A burst that was not committed: its packets are still in the RX ring. Chunks taken for copies are freed; the
/// ledger entries of the rest are set back to the kernel's, where the RX ring shows them.</item>
/// <item>Frames that were sent on behalf of a port that releases them later: counted where they were submitted, their
/// chunks freed where not. What the receiver did not release is received again.</item>
/// <item>Counters of a port that had released what it received: set to what the record says.</item>
/// <item>Chunks on their way into a fill ring whose index was not advanced: free again.</item>
/// <item>Completion entries that were looked at but not released: those whose chunk is already free are skipped.</item>
/// </list>
/// <para>
/// Everything else is as the ledger says, and the free pool is made anew from it. The order here is that of the list.
/// </para>
/// </remarks>
internal static unsafe class PortRecovery
{
    /// <summary>Recovers every port, pool and ledger. Nothing may run on them yet.</summary>
    /// <param name="state">What the workers were about to do.</param>
    /// <param name="ports">Every socket that is adopted, by slot.</param>
    /// <param name="umems">Every UMEM.</param>
    /// <param name="counters">Finds the lines of any port, of sockets and of others.</param>
    internal static void Run(
        StateFile state, IReadOnlyDictionary<int, XskPort> ports, IReadOnlyCollection<Umem> umems,
        PortCountersOf counters)
    {
        for (int worker = 0; worker < SegmentLayout.WorkerCountMax; worker++)
        {
            // SAFETY: Record checked the number, and the state file is mapped for longer than this.
            WorkerRecord* record = state.Record(worker);
            if (record->BurstOpen != 0)
            {
                RecoverBurst(*record, ports, counters);
                record->BurstOpen = 0;
            }

            if (record->FillOpen != 0)
            {
                RecoverFill(*record, ports);
                record->FillOpen = 0;
            }
        }

        foreach (XskPort port in ports.Values)
        {
            RestoreReceived(port);
        }

        XskPool[] pools = [.. ports.Values.Select(port => port.Pool).Distinct()];
        foreach (XskPool pool in pools)
        {
            ReapCompletions(pool);
        }

        foreach (Umem umem in umems)
        {
            FreeOrphans(umem, [.. pools.Where(pool => pool.Umem == umem).Select(pool => pool.Id)]);
            umem.RebuildPool();
        }

        foreach (XskPool pool in pools)
        {
            pool.Umem.PoolCount++;
            CountHeld(pool);
        }

        foreach (XskPort port in ports.Values)
        {
            CountLost(port.Counters);

            // The life before may have died between a submit and its system call.
            port.NeedsFlush = port.Tx.Level != 0;
        }
    }

    private static void RecoverBurst(
        in WorkerRecord record, IReadOnlyDictionary<int, XskPort> ports, PortCountersOf counters)
    {
        if (record.TxPort == WorkerRecord.CountersOnly)
        {
            if (record.RxPort is >= 0 and < SegmentLayout.PortCountMax)
            {
                SetCounters(record, counters(record.RxPort));
            }

            return;
        }

        ports.TryGetValue(record.RxPort, out XskPort? port);
        XskPort? peer = null;
        if (record.TxPort >= 0 && !ports.TryGetValue(record.TxPort, out peer))
        {
            return;
        }

        if (record.RxPort == WorkerRecord.NoPort && peer is not null && peer.Tx.Submitted == record.TxTarget)
        {
            peer.Traffic.TxPackets = record.TxPackets;
            peer.Traffic.TxBytes = record.TxBytes;
            return;
        }

        if (port is null)
        {
            // Released by its port later, or its device went with that life. What was marked as sent and not submitted
            // would be nobody's.
            if (peer is not null)
            {
                FreeUnsubmitted(peer, record.TxTarget);
            }

            return;
        }

        // Without anything to send, releasing the RX entries was the commit.
        bool committed = peer is null
            ? port.Rx.Released == record.RxTarget
            : peer.Tx.Submitted == record.TxTarget;
        if (committed)
        {
            FinishBurst(record, port, peer);
        }
        else if (peer is not null && record.Copied != 0)
        {
            FreeUnsubmitted(peer, record.TxTarget);
        }
    }

    private static void FinishBurst(in WorkerRecord record, XskPort port, XskPort? peer)
    {
        uint count = record.RxTarget - port.Rx.Released;
        if (count != 0 && count <= port.Rx.Size)
        {
            count = port.Rx.Peek(count, out uint first);
            for (uint i = 0; i < count; i++)
            {
                // A copied or dropped original that was not freed yet; a forwarded one is the other port's by now.
                if (port.Umem.TryChunkOf(port.Rx[first + i].addr, out uint chunk)
                    && port.Umem.OwnerOf(chunk) == port.Pool.FillOwner)
                {
                    port.Umem.SetOwner(chunk, ChunkOwner.Free);
                }
            }

            port.Rx.Release();
        }

        SetCounters(record, port.Counters);
        if (peer is not null)
        {
            peer.Traffic.TxPackets = record.TxPackets;
            peer.Traffic.TxBytes = record.TxBytes;
        }
    }

    // SAFETY: the lines of a port in the segment, which stays mapped.
    private static void SetCounters(in WorkerRecord record, PortSlot* counters)
    {
        ulong dropped = 0;
        for (int reason = 0; reason < DropReasons.Count; reason++)
        {
            dropped += counters->Drops[reason];
        }

        if (record.DropsTotal > dropped && record.DropReason < DropReasons.Count)
        {
            // Those that the life before had not counted yet; the last reason stands for all.
            counters->Drops[(int)record.DropReason] += record.DropsTotal - dropped;
        }

        counters->Traffic.RxPackets = record.RxPackets;
        counters->Traffic.RxBytes = record.RxBytes;
        counters->Traffic.LinkPackets = record.LinkPackets;
        counters->Traffic.LinkBytes = record.LinkBytes;
    }

    private static void FreeUnsubmitted(XskPort peer, uint target)
    {
        uint submitted = peer.Tx.Submitted;
        if (target - submitted > peer.Tx.Size)
        {
            return;
        }

        for (uint index = submitted; index != target; index++)
        {
            if (peer.Umem.TryChunkOf(peer.Tx[index].addr, out uint chunk))
            {
                peer.Umem.SetOwner(chunk, ChunkOwner.Free);
            }
        }
    }

    private static void RecoverFill(in WorkerRecord record, IReadOnlyDictionary<int, XskPort> ports)
    {
        if (!ports.TryGetValue(record.FillPort, out XskPort? port))
        {
            return;
        }

        XskPool pool = port.Pool;
        uint submitted = pool.Fill.Submitted;
        if (record.FillTarget - submitted > pool.Fill.Size)
        {
            return;
        }

        for (uint index = submitted; index != record.FillTarget; index++)
        {
            if (pool.Umem.TryChunkOf(pool.Fill[index], out uint chunk))
            {
                pool.Umem.SetOwner(chunk, ChunkOwner.Free);
            }
        }
    }

    // What waits in an RX ring was not dealt with, whatever the ledger was already made to say.
    private static void RestoreReceived(XskPort port)
    {
        uint count = port.Rx.Peek(port.Rx.Size, out uint first);
        for (uint i = 0; i < count; i++)
        {
            if (!port.Umem.TryChunkOf(port.Rx[first + i].addr, out uint chunk))
            {
                continue;
            }

            bool begins = i == 0 || (port.Rx[first + i - 1].options & IfXdp.XDP_PKT_CONTD) == 0;
            if (begins && (port.Umem.OwnerOf(chunk) & ChunkOwner.KindMask) == ChunkOwner.Worker
                && port.Rings.HandedOver != 0)
            {
                // It was handed over, and is received again: so it is not lost.
                port.Rings.HandedOver--;
            }

            port.Umem.SetOwner(chunk, port.Pool.FillOwner);
        }

        port.Rx.Unpeek(count);
    }

    /// <summary>Frames of a port that were on their way through a cpumap: the memory they were in is free again, or
    /// went with the life before.</summary>
    // SAFETY: the lines of a port in the segment, which stays mapped.
    internal static void CountLost(PortSlot* counters)
    {
        counters->Drops[(int)DropReason.CpumapLost] += counters->Rings.HandedOver;
        counters->Rings.HandedOver = 0;
    }

    private static void ReapCompletions(XskPool pool)
    {
        ref ConsumerRing<ulong> completion = ref pool.Completion;
        uint count = completion.Peek(completion.Size, out uint first);
        for (uint i = 0; i < count; i++)
        {
            if (pool.Umem.TryChunkOf(completion[first + i], out uint chunk)
                && pool.Umem.OwnerOf(chunk) == pool.TxOwner)
            {
                pool.Umem.SetOwner(chunk, ChunkOwner.Free);
            }
        }

        completion.Release();
    }

    // Chunks of a pool that nobody adopted: its socket died with the life before, and the kernel let go of it then.
    // Entries that make no sense at all are treated alike: a chunk that the kernel has is always some live pool's.
    private static void FreeOrphans(Umem umem, HashSet<int> live)
    {
        for (uint chunk = 0; chunk < umem.ChunkCount; chunk++)
        {
            ushort owner = umem.OwnerOf(chunk);
            int kind = owner & ChunkOwner.KindMask;
            bool held = kind is ChunkOwner.Fill or ChunkOwner.Tx && live.Contains(owner & ChunkOwner.PoolMask);
            if (!held)
            {
                umem.SetOwner(chunk, ChunkOwner.Free);
            }
        }
    }

    private static void CountHeld(XskPool pool)
    {
        int fill = 0;
        int tx = 0;
        for (uint chunk = 0; chunk < pool.Umem.ChunkCount; chunk++)
        {
            ushort owner = pool.Umem.OwnerOf(chunk);
            fill += owner == pool.FillOwner ? 1 : 0;
            tx += owner == pool.TxOwner ? 1 : 0;
        }

        pool.Hold(fill, tx);
    }
}
