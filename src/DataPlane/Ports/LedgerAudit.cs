using System.Collections;
using Nf.DataPlane.Memory;

namespace Nf.DataPlane.Ports;

/// <summary>Counts the chunks of a UMEM by looking everywhere they can be, and tells whether each was found
/// once.</summary>
/// <remarks>
/// Runs on the worker between two rounds, so that nobody but the kernel moves a chunk meanwhile. The kernel moves them
/// from fill to RX and from TX to completion only; looking at the later place first sees none twice.
/// </remarks>
internal sealed unsafe class LedgerAudit
{
    private readonly Umem _umem;
    private readonly BitArray _seen;
    private string _fault = "";

    private LedgerAudit(Umem umem)
    {
        _umem = umem;
        _seen = new BitArray((int)umem.ChunkCount);
    }

    /// <summary>What was found.</summary>
    /// <param name="Free">In the free pool.</param>
    /// <param name="Fill">The kernel's to receive into.</param>
    /// <param name="Rx">In RX rings.</param>
    /// <param name="Worker">In the hands of the worker.</param>
    /// <param name="Tx">The kernel's to send.</param>
    /// <param name="Completion">In completion rings.</param>
    /// <param name="Releasing">Of pools that no port uses any more.</param>
    /// <param name="Fault">What does not add up; empty when everything does.</param>
    internal readonly record struct Result(
        ulong Free, ulong Fill, ulong Rx, ulong Worker, ulong Tx, ulong Completion, ulong Releasing, string Fault);

    internal static Result Run(Umem umem, IReadOnlyCollection<XskPort> ports)
    {
        var audit = new LedgerAudit(umem);

        // A ring with an index that cannot be true says nothing about chunks, and could be walked for ever.
        foreach (XskPort corrupted in ports.Where(port => port.IsCorrupted()))
        {
            audit.Fault($"a ring of port {corrupted.Slot} has an index that cannot be true");
        }

        return audit.Count([.. ports.Where(port => !port.IsCorrupted())]);
    }

    private Result Count(IReadOnlyCollection<XskPort> ports)
    {
        XskPool[] pools = [.. ports.Select(port => port.Pool).Distinct()];
        ulong rx = 0;
        ulong completion = 0;
        foreach (XskPort port in ports)
        {
            rx += LookAtReceived(port);
        }

        foreach (XskPool pool in pools)
        {
            completion += LookAtCompletions(pool);
        }

        foreach (XskPool pool in pools)
        {
            for (uint i = pool.Fill.Consumed; i != pool.Fill.Submitted; i++)
            {
                Look(pool.Fill[i], pool.FillOwner, $"fill ring of pool {pool.Id}");
            }
        }

        foreach (XskPort port in ports)
        {
            for (uint i = port.Tx.Consumed; i != port.Tx.Submitted; i++)
            {
                Look(port.Tx[i].addr, port.Pool.TxOwner, $"TX ring of port {port.Slot}");
            }
        }

        for (uint i = 0; i < _umem.Pool.Count; i++)
        {
            Look(_umem.AddressOf(_umem.Pool.At(i)), ChunkOwner.Free, "free pool");
        }

        return Sum(pools, rx, completion);
    }

    private Result Sum(XskPool[] pools, ulong rx, ulong completion)
    {
        ulong free = 0, fill = 0, tx = 0, worker = 0, releasing = 0;
        var live = new HashSet<int>(pools.Select(pool => pool.Id));
        for (uint chunk = 0; chunk < _umem.ChunkCount; chunk++)
        {
            ushort owner = _umem.OwnerOf(chunk);
            int kind = owner & ChunkOwner.KindMask;
            bool known = live.Contains(owner & ChunkOwner.PoolMask);
            switch (kind)
            {
                case ChunkOwner.Free:
                    free++;
                    break;
                case ChunkOwner.Fill when known:
                    fill++;
                    break;
                case ChunkOwner.Tx when known:
                    tx++;
                    break;
                case ChunkOwner.Worker:
                    worker++;
                    break;
                case ChunkOwner.Fill or ChunkOwner.Tx:
                    releasing++;
                    break;
                default:
                    Fault($"chunk {chunk} has ledger entry 0x{owner:x4}");
                    break;
            }
        }

        if (free != _umem.Pool.Count)
        {
            Fault($"{free} chunks are free in the ledger, {_umem.Pool.Count} in the pool");
        }

        if (fill < rx || tx < completion)
        {
            Fault($"rings hold more than the ledger: {rx} of {fill} received, {completion} of {tx} completed");
            return new Result(free, fill, 0, worker, tx, 0, releasing, _fault);
        }

        return new Result(free, fill - rx, rx, worker, tx - completion, completion, releasing, _fault);
    }

    private ulong LookAtReceived(XskPort port)
    {
        uint count = port.Rx.Peek(port.Rx.Size, out uint first);
        for (uint i = 0; i < count; i++)
        {
            Look(port.Rx[first + i].addr, port.Pool.FillOwner, $"RX ring of port {port.Slot}");
        }

        port.Rx.Unpeek(count);
        return count;
    }

    // Wild entries are no chunk's: they are counted when they are reaped.
    private ulong LookAtCompletions(XskPool pool)
    {
        ulong found = 0;
        uint count = pool.Completion.Peek(pool.Completion.Size, out uint first);
        for (uint i = 0; i < count; i++)
        {
            if (_umem.TryChunkOf(pool.Completion[first + i], out uint chunk)
                && _umem.OwnerOf(chunk) == pool.TxOwner && !_seen[(int)chunk])
            {
                _seen[(int)chunk] = true;
                found++;
            }
        }

        pool.Completion.Unpeek(count);
        return found;
    }

    private void Look(ulong address, ushort owner, string place)
    {
        if (!_umem.TryChunkOf(address, out uint chunk))
        {
            Fault($"address 0x{address:x} in the {place} is outside the UMEM");
            return;
        }

        if (_seen[(int)chunk])
        {
            Fault($"chunk {chunk} in the {place} is somewhere else too");
        }

        if (_umem.OwnerOf(chunk) != owner)
        {
            Fault($"chunk {chunk} in the {place} has ledger entry 0x{_umem.OwnerOf(chunk):x4}, not 0x{owner:x4}");
        }

        _seen[(int)chunk] = true;
    }

    // The first fault explains the rest.
    private void Fault(string what) => _fault = _fault.Length == 0 ? what : _fault;
}
