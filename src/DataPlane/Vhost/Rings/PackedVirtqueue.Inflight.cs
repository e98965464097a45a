using Nf.DataPlane.Vhost.Memory;

namespace Nf.DataPlane.Vhost.Rings;

/// <content>Chains in hand, written down for the next back-end; and what the last one left.</content>
internal sealed unsafe partial class PackedVirtqueue
{
    // No entry has this number: a region has at most 32768.
    private const ushort NoEntry = ushort.MaxValue;

    private PackedInflightQueue? _inflight;
    private IReadOnlyList<InflightChain> _redo = [];
    private uint _redone;
    private InflightDescriptor[] _copies = [];

    // Of the chain that was fetched last.
    private ushort _fetched;
    private ushort _fetchedEntry = NoEntry;

    private uint RedoLeft => (uint)_redo.Count - _redone;

    private void RecoverInflight()
    {
        if (Setup.Inflight is not PackedInflightQueue inflight || inflight.QueueSize < _size)
        {
            return;
        }

        _inflight = inflight;
        _copies = new InflightDescriptor[_size];
        PackedRecovery recovery = inflight.Recover(_descriptors, _size, (ushort)_used.Index, _used.Wrap);
        _used = new PackedPosition(recovery.UsedPosition, recovery.UsedWrap);
        _redo = recovery.Chains;

        // Chains in hand were taken from the ring; together they have at most as many descriptors as it.
        _next = _used.Plus((uint)_redo.Sum(chain => chain.Descriptors.Length), _size);
    }

    private ChainVerdict FetchRedo()
    {
        InflightChain chain = _redo[(int)_redone++];
        _fetchedEntry = chain.Entry;
        _fetched = 0;
        return Walker.WalkCopies(chain.Descriptors);
    }

    // Chains are noted as in hand only now: before, nothing would be lost by taking them again.
    private void NoteInflight()
    {
        if (_inflight == null)
        {
            return;
        }

        for (uint i = 0; i < _doneCount; i++)
        {
            // SAFETY: _done has more entries than are counted.
            PackedUsed* done = _done + i;
            done->Entry = done->Entry == NoEntry
                ? _inflight.Fetch(CopyOf(done->Position, (int)done->Descriptors))
                : done->Entry;
        }

        for (uint i = 0; i < _doneCount; i++)
        {
            _inflight.Finish(_done[i].Entry);
        }
    }

    // What stands in the ring now; whoever does it again judges it again.
    private ReadOnlySpan<InflightDescriptor> CopyOf(uint position, int count)
    {
        for (int i = 0; i < count; i++)
        {
            // SAFETY: position stays below the ring's size.
            ulong* descriptor = (ulong*)(_descriptors + (DescriptorBytes * position));
            ulong rest = Volatile.Read(ref descriptor[1]);
            _copies[i] = new InflightDescriptor
            {
                Address = Volatile.Read(ref descriptor[0]),
                Length = (uint)rest,
                Id = (ushort)(rest >> 32),
                Flags = (ushort)(rest >> 48),
            };
            position = position + 1 == _size ? 0 : position + 1;
        }

        return _copies.AsSpan(0, count);
    }
}
