using Nf.DataPlane.Cpumaps;
using Nf.DataPlane.Frames;
using Nf.DataPlane.Memory;
using Nf.Linux;
using Nf.SharedMemory.Segments;

namespace Nf.DataPlane.Ports;

/// <summary>
/// The near end of a crossing between workers: what is sent here is put into the queue of another worker. Stands for
/// one receiving port, on the worker of that port.
/// </summary>
/// <remarks>
/// <para>
/// Frames of a socket travel with their chunks, which leave the RX ring for it; those that came from another worker are
/// passed on; all others, a guest's, are copied once: the guest gets its buffers back with the burst, in its order, and
/// cannot change a frame that others are looking at.
/// </para>
/// <para>
/// As in the kernel (bq_enqueue, bq_flush_to_queue) frames are staged in bulks of eight per queue, a full bulk is
/// pushed before the next frame is added, and what is left at the end of the round is pushed by <see cref="Flush"/>.
/// </para>
/// </remarks>
internal sealed unsafe class CrossingIn : Port, IDisposable
{
    private readonly XskPort? _chunks;
    private readonly CrossingLane?[] _lanes;
    private readonly CrossingLane[] _listed;
    private int _listedCount;
    private bool _isFreed;

    /// <param name="source">The port whose frames it takes; null when it passes on what came from other
    /// workers.</param>
    /// <param name="selector">Chooses the lane.</param>
    /// <param name="laneCount">Lanes are numbered below this.</param>
    internal CrossingIn(Port? source, CrossingSelector selector, int laneCount)
        : base(CrossingSlots.Next(), CrossingSlots.NewCounters())
    {
        Source = source;
        Selector = selector;
        _chunks = source as XskPort;
        _lanes = new CrossingLane?[laneCount];
        _listed = new CrossingLane[laneCount];
    }

    /// <summary>The port whose frames it takes; null when it passes on what came from other workers.</summary>
    internal Port? Source { get; }

    /// <summary>By which its frames are known on other workers: the slot of its port.</summary>
    internal ushort Route => (ushort)Source!.Slot;

    /// <summary>Whose chunks its frames have; null when they are copied or passed on.</summary>
    internal Umem? Umem => _chunks?.Umem;

    /// <summary>Chooses the lane. Changes between two rounds.</summary>
    internal CrossingSelector Selector { get; set; }

    /// <inheritdoc/>
    internal override bool IsUp { get; set; } = true;

    /// <inheritdoc/>
    internal override bool HasFrames => false;

    /// <inheritdoc/>
    internal override IReadOnlyList<FileDescriptor> Readiness => [];

    /// <summary>The lane of a number; null when there is none. On the worker, or before it is attached.</summary>
    internal CrossingLane? Lane(int number) => _lanes[number];

    /// <summary>Changes the queue of a lane, adds a lane or takes one away: what is staged goes to the old queue. On
    /// the worker, between two rounds.</summary>
    /// <param name="number">Its number.</param>
    /// <param name="ring">The queue; null for none.</param>
    internal void SetLane(int number, HandoverRing? ring)
    {
        Flush();
        if (ring is null)
        {
            _lanes[number] = null;
        }
        else if (_lanes[number] is { } lane)
        {
            lane.Ring = ring;
        }
        else
        {
            _lanes[number] = new CrossingLane(ring);
        }
    }

    /// <summary>All that come: what does not fit into a queue is dropped.</summary>
    internal override uint Room(uint wanted, uint packetsPerFrame) => wanted;

    /// <inheritdoc/>
    internal override void Send(FrameSelection frames, ref Burst burst)
    {
        foreach (byte index in frames.Indices)
        {
            // SAFETY: a selection names frames of its batch.
            ref Frame frame = ref frames.Batch.Frames[index];
            int number = Selector.Choose(frames.Batch, frame);
            if ((uint)number >= (uint)_lanes.Length || _lanes[number] is not { } lane)
            {
                burst.Drop(DropReason.CpumapNoEntry);
                continue;
            }

            ulong token = TokenOf(frames.Batch, frame, out DropReason reason);
            if (token == 0)
            {
                burst.Drop(reason);
                continue;
            }

            if (Source is null)
            {
                frames.Batch.PassedOn |= 1UL << index;
            }

            Stage(lane, token, ref burst);
        }
    }

    /// <inheritdoc/>
    internal override void Flush()
    {
        // Beyond the burst: its frames have been counted as received by now.
        var late = default(Burst);
        for (int i = 0; i < _listedCount; i++)
        {
            CrossingLane lane = _listed[i];
            lane.IsListed = false;
            if (lane.Count != 0)
            {
                Push(lane, ref late);
            }

            lane.Ring.Wake();
        }

        _listedCount = 0;
        NeedsFlush = false;
        if (late.Dropped != 0)
        {
            Source!.Drops[(int)DropReason.CpumapFull] += late.Dropped;
        }
    }

    /// <inheritdoc/>
    internal override void Receive(FrameBatch batch, uint max, ref Burst burst)
    {
    }

    /// <inheritdoc/>
    internal override void Release(FrameBatch batch)
    {
    }

    /// <inheritdoc/>
    internal override void PublishLevels()
    {
    }

    /// <summary>What is staged goes with the next flush.</summary>
    internal override void Rewind()
    {
    }

    /// <inheritdoc/>
    internal override void Detach()
    {
        Flush();
        Tools!.Home!.Flush();
        base.Detach();
    }

    public void Dispose() => CrossingSlots.Free(this, ref _isFreed);

    private ulong TokenOf(FrameBatch batch, in Frame frame, out DropReason reason)
    {
        reason = DropReason.NoFreeChunk;
        if (Source is null)
        {
            return frame.Cookie;
        }

        CrossingHome home = Tools!.Home!;
        uint record = _chunks is null
            ? home.Records.Copy(batch, frame, Route)
            : home.Records.Describe(batch, frame, Route);
        if (record == 0)
        {
            return 0;
        }

        if (_chunks is not null && !_chunks.TryHandOver(batch, frame))
        {
            home.Recycle(record, null);
            reason = DropReason.InvalidDescriptor;
            return 0;
        }

        Source!.Rings.HandedOver++;
        return FrameToken.Of(home.Number, record);
    }

    private void Stage(CrossingLane lane, ulong token, ref Burst burst)
    {
        if (lane.IsFull)
        {
            Push(lane, ref burst);
        }

        lane.Append(token);
        if (!lane.IsListed)
        {
            lane.IsListed = true;
            _listed[_listedCount++] = lane;
            NeedsFlush = true;
        }
    }

    private void Push(CrossingLane lane, ref Burst burst)
    {
        CrossingHome home = Tools!.Home!;
        foreach (ulong refused in lane.Push())
        {
            if (Source is null)
            {
                // Counted at home, where it was received.
                home.Bring(FrameToken.Dropped(refused, DropReason.CpumapFull));
                continue;
            }

            burst.Drop(DropReason.CpumapFull);
            Source!.Rings.HandedOver--;
            home.Recycle(FrameToken.RecordOf(refused), Umem);
        }
    }
}
