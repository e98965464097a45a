using Nf.DataPlane.Frames;
using Nf.DataPlane.Vhost;
using Nf.DataPlane.Vhost.Rings;
using Nf.SharedMemory.Segments;

namespace Nf.DataPlane.Ports;

internal sealed unsafe partial class VhostPort
{
    // Bursts after which it is forgotten how large frames were. Arbitrary.
    private const uint BurstsPerMeasure = 256;

    private uint _packetsPerFrame = 1;
    private uint _largestLately = 1;
    private uint _burstsMeasured;
    private RingCounters _toGuestCounted;
    private RingCounters _fromGuestCounted;

    /// <summary>The most of lately: a guest that streams through large frames goes on with it.</summary>
    internal override uint PacketsPerFrame => _packetsPerFrame;

    /// <inheritdoc/>
    internal override void Receive(FrameBatch batch, uint max, ref Burst burst)
    {
        if (_rarp.Count != 0)
        {
            TakeRarp(batch, ref burst);
            return;
        }

        if (_fromGuest is not { } ring)
        {
            return;
        }

        ring.Dequeue(batch, max, ref burst);

        if ((ring.Setup.Features & (VirtioFeatures.HostTso4 | VirtioFeatures.HostTso6)) != 0 && batch.Count != 0)
        {
            MeasureLarge(batch);
        }

        // Each chain is a packet received, of which some were dropped at once.
        uint received = batch.Count + burst.Dropped;
        burst.RxPackets = received;
        if (received != 0)
        {
            _inHand = true;
            _inHandPackets = received;
            _inHandBytes = burst.RxBytes;
        }

        if (!_fromGuestEnabled)
        {
            for (uint i = 0; i < batch.Count; i++)
            {
                burst.Drop(DropReason.RingDisabled);
            }

            batch.Clear();
        }

        Check(ref _fromGuest, ref _fromGuestCounted);
    }

    /// <inheritdoc/>
    internal override void Release(FrameBatch batch)
    {
        if (_inHand)
        {
            GiveBack();
        }
    }

    /// <summary>All that come: a frame for which the guest has no buffer is dropped.</summary>
    internal override uint Room(uint wanted, uint packetsPerFrame) => wanted;

    /// <inheritdoc/>
    internal override void Send(FrameSelection frames, ref Burst burst)
    {
        if (!CanSend)
        {
            for (int i = 0; i < frames.Indices.Length; i++)
            {
                burst.Drop(DropReason.RingDisabled);
            }

            return;
        }

        uint packets = burst.TxPackets;
        ulong bytes = burst.TxBytes;
        if (CanTakeAll(frames))
        {
            _toGuest!.Enqueue(frames, ref burst);
            Traffic.TxPackets += burst.TxPackets - packets;
            Traffic.TxBytes += burst.TxBytes - bytes;
        }
        else
        {
            SendFinished(frames, ref burst);
        }

        NeedsFlush = true;
        Check(ref _toGuest, ref _toGuestCounted);
    }

    // SAFETY: a selection names frames of its batch.
    private bool CanTakeAll(FrameSelection frames)
    {
        uint unfinished = 0;
        uint longest = 0;
        foreach (byte index in frames.Indices)
        {
            Frame* frame = &frames.Batch.Frames[index];
            unfinished |= (uint)(frame->Offload.Flags | frame->Offload.SegmentType);
            longest = Math.Max(longest, frame->Length);
        }

        return unfinished == 0 && longest <= FrameBytesMax;
    }

    private bool CanTake(in FrameOffload offload)
    {
        ulong features = _toGuest!.Setup.Features;
        ulong needed = offload.IsFinished ? 0 : VirtioFeatures.GuestChecksum;
        needed |= (offload.SegmentType & ~FrameOffload.SegmentEcn) switch
        {
            FrameOffload.SegmentTcp4 => VirtioFeatures.GuestTso4,
            FrameOffload.SegmentTcp6 => VirtioFeatures.GuestTso6,
            _ => 0,
        };
        needed |= (offload.SegmentType & FrameOffload.SegmentEcn) != 0 ? VirtioFeatures.GuestEcn : 0;
        return (features & needed) == needed;
    }

    /// <summary>As <see cref="Send"/>, where something must be finished, or may be too long.</summary>
    private void SendFinished(FrameSelection frames, ref Burst burst)
    {
        FrameFinisher finisher = Tools!.Finisher;
        finisher.Clear();
        foreach (byte index in frames.Indices)
        {
            // SAFETY: a selection names frames of its batch.
            ref Frame frame = ref frames.Batch.Frames[index];
            bool isLarge = frame.Offload.SegmentType != FrameOffload.SegmentNone;
            if (!isLarge && frame.Length > FrameBytesMax)
            {
                burst.Drop(DropReason.TooLarge);
            }
            else if (CanTake(frame.Offload))
            {
                Append(finisher, frames.Batch, frame, ref burst);
            }
            else if (isLarge)
            {
                Enqueue(finisher, ref burst);
                SendSegments(finisher, frames.Batch, frame, ref burst);
            }
            else if (ChecksumCompletion.IsPossible(frame.Offload, frame.Length))
            {
                AppendCompleted(finisher, frames.Batch, frame, ref burst);
            }
            else
            {
                burst.Drop(DropReason.BadOffload);
            }
        }

        Enqueue(finisher, ref burst);
    }

    private void Append(FrameFinisher finisher, FrameBatch batch, in Frame frame, ref Burst burst)
    {
        if (!finisher.TryAppend(batch, frame))
        {
            Enqueue(finisher, ref burst);
            finisher.TryAppend(batch, frame);
        }
    }

    private void AppendCompleted(FrameFinisher finisher, FrameBatch batch, in Frame frame, ref Burst burst)
    {
        if (finisher.TryAppendCompleted(batch, frame))
        {
            return;
        }

        Enqueue(finisher, ref burst);
        if (!finisher.TryAppendCompleted(batch, frame))
        {
            burst.Drop(DropReason.BadOffload);
        }
    }

    private void SendSegments(FrameFinisher finisher, FrameBatch batch, in Frame frame, ref Burst burst)
    {
        if (!finisher.TryBegin(batch, frame))
        {
            burst.Drop(DropReason.BadOffload);
            return;
        }

        if (finisher.SegmentFrameBytesMax > FrameBytesMax)
        {
            burst.Drop(DropReason.TooLarge);
            return;
        }

        // A frame of which a segment has left has left: its sender sends the others again.
        var segments = default(Burst);
        while (finisher.NextSegments())
        {
            Enqueue(finisher, ref segments);
        }

        if (segments.TxPackets != 0)
        {
            burst.TxPackets++;
            burst.TxBytes += frame.Length;
        }
        else
        {
            burst.Drop(segments.LastDropReason);
        }
    }

    private void Enqueue(FrameFinisher finisher, ref Burst burst)
    {
        if (finisher.Output.Count != 0)
        {
            uint packets = burst.TxPackets;
            ulong bytes = burst.TxBytes;
            _toGuest!.Enqueue(FrameSelection.All(finisher.Output), ref burst);
            Traffic.TxPackets += burst.TxPackets - packets;
            Traffic.TxBytes += burst.TxBytes - bytes;
        }

        finisher.Clear();
    }

    private void MeasureLarge(FrameBatch batch)
    {
        uint most = 1;
        for (uint i = 0; i < batch.Count; i++)
        {
            // SAFETY: i is below the number of frames.
            Frame* frame = &batch.Frames[i];
            if (frame->Offload.SegmentBytes != 0)
            {
                most = Math.Max(most, (frame->Length / frame->Offload.SegmentBytes) + 1);
            }
        }

        _largestLately = Math.Max(_largestLately, Math.Min(most, TcpSegmenter.CountMax));
        _packetsPerFrame = Math.Max(_packetsPerFrame, _largestLately);
        if (++_burstsMeasured == BurstsPerMeasure)
        {
            _packetsPerFrame = _largestLately;
            _largestLately = 1;
            _burstsMeasured = 0;
        }
    }

    private void TakeRarp(FrameBatch batch, ref Burst burst)
    {
        byte* first = _rarp.Take(out int count);
        for (int i = 0; i < count; i++)
        {
            // SAFETY: the batch is empty and has room for many more; the frames stay until the next Add, which comes
            // between two rounds.
            batch.Frames[batch.Count++] = new Frame
            {
                First = new FrameSpan { Data = first + (i * RarpFrames.FrameBytes), Length = RarpFrames.FrameBytes },
                Length = RarpFrames.FrameBytes,
            };
        }

        burst.RxPackets += (uint)count;
        burst.RxBytes += (uint)(count * RarpFrames.FrameBytes);
    }

    private void GiveBack()
    {
        _inHand = false;
        _fromGuest?.Complete();
        NeedsFlush = true;
    }

    // A ring that cannot be trusted any more is not touched again.
    private void Check(ref Virtqueue? ring, ref RingCounters counted)
    {
        if (ring is { Fault: not RingFault.None })
        {
            Lose(ref ring, ref counted);
        }
    }

    private void Lose(ref Virtqueue? ring, ref RingCounters counted)
    {
        Count(ring, ref counted);
        Vhost.RingFaults++;
        _fault = $"ring {ring!.Setup.Index}: {ring.FaultText}";
        if (ReferenceEquals(ring, _fromGuest))
        {
            _mustBePolled = false;
        }

        ring = null;
        NeedsFlush = true;
    }

    // A ring counts from its start; the line of the segment goes on over rings and lives.
    private void Count(Virtqueue? ring, ref RingCounters counted)
    {
        if (!ReferenceEquals(ring, counted.Ring))
        {
            counted = new RingCounters { Ring = ring };
        }

        if (ring is null)
        {
            return;
        }

        Vhost.CallsSent += ring.CallsSent - counted.CallsSent;
        Vhost.CallsSuppressed += ring.CallsSuppressed - counted.CallsSuppressed;
        Vhost.BadChains += ring.BadChains - counted.BadChains;
        counted.CallsSent = ring.CallsSent;
        counted.CallsSuppressed = ring.CallsSuppressed;
        counted.BadChains = ring.BadChains;
    }

    private struct RingCounters
    {
        internal Virtqueue? Ring;
        internal ulong CallsSent;
        internal ulong CallsSuppressed;
        internal ulong BadChains;
    }
}
