using System.Runtime.CompilerServices;
using Nf.DataPlane.Frames;
using Nf.DataPlane.Ports;
using Nf.SharedMemory.Segments;

namespace Nf.DataPlane.Forwarding;

/// <summary>A learning switch: a frame leaves where its receiver was last heard, or everywhere.</summary>
/// <remarks>
/// <para>Belongs to the worker of its ports; the control thread comes through the worker's inbox.</para>
/// <para>
/// How frames are counted at the port that received them: a frame for one end is forwarded, or dropped with the reason
/// of that end (<see cref="DropReason.SamePort"/> when its receiver is where it came from). A flooded frame is
/// forwarded as soon as one end took a copy of it; copies that an end could not take are counted there
/// (<see cref="BridgeCounters.Dropped"/>). When nobody took any, the flooded frames of the burst are dropped with the
/// last reason. Nothing waits: a socket whose TX ring is full must not stop the others.
/// </para>
/// <para>
/// Flooded frames of a burst leave after those for one end. Frames of one sender to one receiver are all of the one or
/// all of the other kind within a burst, so their order holds.
/// </para>
/// </remarks>
internal sealed unsafe class Bridge : FrameSwitch, IDisposable
{
    /// <summary>Ticks of the table's clock in a second.</summary>
    private const int TicksPerSecond = 100;

    /// <summary>Slots looked at for old addresses per tick with traffic.</summary>
    private const uint SweepSlots = 64;

    private const int MacBytes = 6;
    private const ulong MacMask = (1UL << 48) - 1;
    private const ulong GroupBit = 1; // of the first byte, which is lowest

    private readonly TimeProvider _clock;
    private readonly MacTable _table;
    private readonly Port[][] _ends;
    private readonly BridgeCounters[] _counters;
    private readonly byte[] _flood = new byte[FrameBatch.CountMax];
    private readonly byte[] _oneEnd;
    private readonly int[] _oneEndCount;
    private int _floodCount;
    private uint _lastSweep;

    internal Bridge(BridgeSettings settings, TimeProvider? clock = null)
    {
        _clock = clock ?? TimeProvider.System;
        _table = new MacTable(
            settings.EntriesMax, settings.EntriesPerEndMax, (uint)(settings.Age.TotalSeconds * TicksPerSecond),
            settings.Ends);
        _ends = [.. Enumerable.Range(0, settings.Ends).Select(_ => Array.Empty<Port>())];
        _counters = new BridgeCounters[settings.Ends];
        _oneEnd = new byte[settings.Ends * FrameBatch.CountMax];
        _oneEndCount = new int[settings.Ends];
    }

    /// <summary>Addresses learned.</summary>
    internal ulong Learned { get; private set; }

    /// <summary>Addresses heard on another end than before.</summary>
    internal ulong Moved { get; private set; }

    /// <summary>Addresses forgotten because they sent nothing for too long.</summary>
    internal ulong Aged => _table.Aged;

    /// <summary>Frames whose sender was not learned because the table, or the end's part of it, is full.</summary>
    internal ulong TableFull { get; private set; }

    /// <summary>Addresses known now.</summary>
    internal uint EntryCount => _table.Count;

    /// <summary>Frames sent to all other ends.</summary>
    internal ulong Flooded => _counters.Aggregate(0UL, (sum, end) => sum + end.Flooded);

    /// <summary>What passed through an end.</summary>
    internal BridgeCounters Counters(int end) => _counters[end];

    /// <summary>Addresses known on an end.</summary>
    internal uint EntriesOf(int end) => _table.CountOf(end);

    /// <summary>Gives an end its queues, instead of those it had. On the worker, between two rounds.</summary>
    /// <param name="end">Its number.</param>
    /// <param name="queues">Ports, all of the worker; what is received by the first leaves by the firsts.</param>
    internal void Connect(int end, IReadOnlyList<Port> queues)
    {
        Disconnect(end);
        _ends[end] = [.. queues];
        for (int queue = 0; queue < queues.Count; queue++)
        {
            queues[queue].Switch = this;
            queues[queue].Place = new SwitchPlace(end, queue);
        }
    }

    /// <summary>Takes the queues of an end; its addresses stay known. On the worker, between two rounds.</summary>
    internal void Disconnect(int end)
    {
        foreach (Port port in _ends[end])
        {
            if (ReferenceEquals(port.Switch, this))
            {
                port.Switch = null;
            }
        }

        _ends[end] = [];
    }

    /// <summary>Forgets every address of an end: whoever was there is gone.</summary>
    internal void Forget(int end) => _table.Forget(end);

    /// <summary>Forgets what is too old, which traffic does only little by little.</summary>
    internal void Sweep() => _table.SweepAll(Now());

    /// <summary>Every address that is known. On the worker, between two rounds.</summary>
    internal IReadOnlyList<BridgeEntry> Entries()
    {
        uint now = Now();
        _table.SweepAll(now);
        return
        [
            .. _table.ToList().Select(entry => new BridgeEntry(
                entry.Mac, entry.End, TimeSpan.FromSeconds((now - entry.Seen) / (double)TicksPerSecond))),
        ];
    }

    /// <inheritdoc/>
    internal override void Forward(Port from, FrameSelection frames, ref Burst burst)
    {
        SwitchPlace place = from.Place;
        FrameBatch batch = frames.Batch;
        Sort(place.End, frames, ref burst);
        for (int end = 0; end < _ends.Length; end++)
        {
            if (_oneEndCount[end] != 0)
            {
                var ofEnd = new FrameSelection(
                    batch, _oneEnd.AsSpan(end * (int)FrameBatch.CountMax, _oneEndCount[end]));
                Send(end, place.Queue, ofEnd, ref burst);
                _oneEndCount[end] = 0;
            }
        }

        if (_floodCount != 0)
        {
            Flood(place, new FrameSelection(batch, _flood.AsSpan(0, _floodCount)), ref burst);
            _floodCount = 0;
        }
    }

    public void Dispose()
    {
        for (int end = 0; end < _ends.Length; end++)
        {
            Disconnect(end);
        }

        _table.Dispose();
    }

    private uint Now() => (uint)(_clock.GetTimestamp() / (_clock.TimestampFrequency / TicksPerSecond));

    // Learns who sent the frames, and finds out where each goes.
    private void Sort(int from, FrameSelection frames, ref Burst burst)
    {
        uint now = Now();
        if (now != _lastSweep)
        {
            _lastSweep = now;
            _table.Sweep(now, SweepSlots);
        }

        FrameBatch batch = frames.Batch;
        ref BridgeCounters counters = ref _counters[from];
        foreach (byte i in frames.Indices)
        {
            // SAFETY: a selection names frames of its batch.
            Frame* frame = &batch.Frames[i];
            (ulong receiver, ulong sender) = AddressesOf(batch, frame);
            counters.RxPackets++;
            counters.RxBytes += frame->Length;

            // A group is nobody's address, and neither is zero: a frame that claims it teaches nothing.
            if ((sender & GroupBit) == 0 && sender != 0)
            {
                Count(_table.Learn(sender, from, now));
            }

            int end = (receiver & GroupBit) != 0 ? -1 : _table.Find(receiver, now);
            if (end < 0)
            {
                _flood[_floodCount++] = i;
            }
            else if (end == from)
            {
                burst.Drop(DropReason.SamePort);
            }
            else
            {
                _oneEnd[(end * (int)FrameBatch.CountMax) + _oneEndCount[end]++] = i;
            }
        }
    }

    private void Count(MacTable.Lesson lesson)
    {
        switch (lesson)
        {
            case MacTable.Lesson.New:
                Learned++;
                break;
            case MacTable.Lesson.Moved:
                Moved++;
                break;
            case MacTable.Lesson.Full:
                TableFull++;
                break;
        }
    }

    // Both addresses are copied out once: the guest may write on.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static (ulong Receiver, ulong Sender) AddressesOf(FrameBatch batch, Frame* frame)
    {
        byte* data = frame->First.Data;

        // SAFETY: the stretch has the 14 bytes that the two reads cover.
        return frame->First.Length >= XskPort.FrameBytesMin
            ? (Unsafe.ReadUnaligned<ulong>(data) & MacMask, Unsafe.ReadUnaligned<ulong>(data + MacBytes) & MacMask)
            : ScatteredAddressesOf(batch, *frame);
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static (ulong Receiver, ulong Sender) ScatteredAddressesOf(FrameBatch batch, in Frame frame)
    {
        // SAFETY: Read writes as many bytes as it is told to, zero where the frame has none, into 16 of ours.
        ulong* copy = stackalloc ulong[2];
        copy[1] = 0;
        new FrameReader(batch, frame).Read((byte*)copy, 2 * MacBytes);
        return (copy[0] & MacMask, Unsafe.ReadUnaligned<ulong>((byte*)copy + MacBytes) & MacMask);
    }

    private void Send(int end, int queue, FrameSelection frames, ref Burst burst)
    {
        uint packets = burst.TxPackets;
        uint dropped = burst.Dropped;
        ulong bytes = burst.TxBytes;
        Port? sink = _ends[end].Length == 0 ? null : _ends[end][queue % _ends[end].Length].Sink;
        if (sink is { IsUp: true, Tools: not null })
        {
            sink.Send(frames, ref burst);
        }
        else
        {
            for (int i = 0; i < frames.Indices.Length; i++)
            {
                burst.Drop(DropReason.PeerDown);
            }
        }

        ref BridgeCounters counters = ref _counters[end];
        counters.TxPackets += burst.TxPackets - packets;
        counters.TxBytes += burst.TxBytes - bytes;
        counters.Dropped += burst.Dropped - dropped;
    }

    private void Flood(SwitchPlace from, FrameSelection frames, ref Burst burst)
    {
        var copies = default(Burst);
        copies.LastDropReason = DropReason.PeerDown;
        for (int end = 0; end < _ends.Length; end++)
        {
            if (end != from.End)
            {
                Send(end, from.Queue, frames, ref copies);
            }
        }

        _counters[from.End].Flooded += (uint)frames.Indices.Length;
        foreach (byte index in frames.Indices)
        {
            if (copies.TxPackets == 0)
            {
                burst.Drop(copies.LastDropReason);
                continue;
            }

            // SAFETY: a selection names frames of its batch.
            burst.TxPackets++;
            burst.TxBytes += frames.Batch.Frames[index].Length;
        }
    }
}
