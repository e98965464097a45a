using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics.X86;
using Nf.DataPlane.Cpumaps;
using Nf.DataPlane.Frames;
using Nf.Linux;
using Nf.SharedMemory.Segments;

namespace Nf.DataPlane.Ports;

/// <summary>
/// The far end of a crossing between workers: what others put into its queue is received here. Stands for one entry of
/// a user-space cpumap, on the worker of that entry's CPU; or for the rest of the way, on the worker of the port that
/// frames leave by.
/// </summary>
/// <remarks>
/// Nothing waits here: a link whose other end is slow must not hold back those that share its queue. A frame stays its
/// home's; <see cref="Settle"/> brings it back there and says what became of it.
/// </remarks>
internal sealed unsafe class CrossingOut : Port, IDisposable
{
    private readonly CrossingHomes _homes;
    private readonly HandoverRing _ring;
    private readonly Onward?[] _routes = new Onward?[SegmentLayout.PortCountMax];
    private readonly FileDescriptor[] _readiness;
    private CrossingOut? _before;
    private FrameBatch? _inHand;
    private ulong _filtered; // a bit for each frame of the batch
    private int _home;
    private ushort _route;
    private bool _dozed;
    private bool _isFreed;

    /// <param name="ring">Its queue.</param>
    /// <param name="homes">Where frames come from.</param>
    /// <param name="before">What it replaces on the same worker, and is to be emptied first; null for nothing.</param>
    internal CrossingOut(HandoverRing ring, CrossingHomes homes, CrossingOut? before = null)
        : base(CrossingSlots.Next(), CrossingSlots.NewCounters())
    {
        _ring = ring;
        _homes = homes;
        _before = before;
        _readiness = [ring.Readiness];
    }

    /// <summary>Where frames of a port go on from here.</summary>
    /// <param name="Peer">The port to send by; null when a switch decides, or nobody.</param>
    /// <param name="Switch">What decides; null for the peer.</param>
    /// <param name="Place">Where the receiving port is on the switch.</param>
    internal sealed record Onward(Port? Peer, FrameSwitch? Switch = null, SwitchPlace Place = default);

    /// <summary>Its queue.</summary>
    internal HandoverRing Ring => _ring;

    /// <summary>Where frames go whose port has no way of its own here.</summary>
    internal Onward? Default { get; set; }

    /// <summary>Times its worker went to sleep with the queue empty.</summary>
    internal ulong Sleeps { get; private set; }

    /// <inheritdoc/>
    internal override bool IsUp { get; set; } = true;

    /// <summary>True once it was taken off its worker: its queue is not to be touched any more.</summary>
    internal bool IsOver { get; private set; }

    /// <inheritdoc/>
    internal override bool HasFrames => _ring.HasTokens;

    /// <inheritdoc/>
    internal override bool WaitsForRoom => false;

    /// <inheritdoc/>
    internal override IReadOnlyList<FileDescriptor> Readiness => _readiness;

    /// <summary>Says where frames of a port go on. On the worker, between two rounds.</summary>
    /// <param name="route">The slot of that port.</param>
    /// <param name="onward">Where to; null to drop them.</param>
    internal void SetRoute(int route, Onward? onward) => _routes[route] = onward;

    /// <summary>Turns to the port whose frames are next.</summary>
    /// <returns>False when there is nothing, or what this one replaces is not empty yet.</returns>
    internal bool TryTurn()
    {
        if (_before is not null)
        {
            if (!_before.IsOver && _before.HasFrames)
            {
                return false;
            }

            _before = null;
        }

        if (!_ring.TryPeek(out ulong token))
        {
            return false;
        }

        _ring.Unpeek();
        _home = FrameToken.HomeOf(token);

        // SAFETY: the token came from its home, which has the record until the token is back.
        _route = _homes[_home].Records.At(FrameToken.RecordOf(token))->Route;
        Onward? onward = _routes[_route] ?? Default;
        Peer = onward?.Peer;
        Switch = onward?.Switch;
        Place = onward?.Place ?? default;
        return true;
    }

    /// <inheritdoc/>
    internal override void Receive(FrameBatch batch, uint max, ref Burst burst)
    {
        _inHand = batch;
        FrameRecords records = _homes[_home].Records;
        batch.CanMove = Switch is null && Tools!.Home!.Number == _home;
        ulong* tokens = stackalloc ulong[HandoverRing.BulkMax];
        bool more = true;
        while (more && batch.Count < max)
        {
            // In steps of eight, so that the lines of the next ones are on their way while the first is looked at.
            uint count = 0;
            uint limit = Math.Min(HandoverRing.BulkMax, max - batch.Count);
            while (count < limit && _ring.TryPeek(out tokens[count]))
            {
                Prefetch(records.At(FrameToken.RecordOf(tokens[count])));
                count++;
            }

            more = count == limit;
            for (uint i = 0; i < count; i++)
            {
                if (!TryTake(batch, records, tokens[i], ref burst))
                {
                    Unpeek(count - i);
                    return;
                }
            }
        }
    }

    /// <summary>The program of the entry dropped the frame.</summary>
    /// <param name="index">Its position in the batch.</param>
    internal void DropByFilter(byte index) => _filtered |= 1UL << index;

    /// <summary>Brings every frame home that nobody has taken on. Which of them were dropped nobody said: so many of
    /// them are called dropped as there were drops, which have one origin all.</summary>
    internal override void Settle(FrameBatch batch, in Burst burst)
    {
        CrossingHome home = Tools!.Home!;
        int reason = 0;
        uint left = burst.Drops[0];
        for (int i = 0; i < (int)batch.Count; i++)
        {
            ulong bit = 1UL << i;
            if ((batch.PassedOn & bit) != 0)
            {
                continue;
            }

            // SAFETY: i is below the number of frames.
            ulong token = batch.Frames[i].Cookie;
            if ((_filtered & bit) != 0)
            {
                home.Bring(FrameToken.Dropped(token, DropReason.CpumapProgram));
                continue;
            }

            while (left == 0 && ++reason < DropReasons.Count)
            {
                left = reason == (int)DropReason.CpumapProgram ? 0 : burst.Drops[reason];
            }

            if (left != 0)
            {
                left--;
                token = FrameToken.Dropped(token, (DropReason)reason);
            }

            home.Bring(token);
        }

        Done();
    }

    /// <inheritdoc/>
    internal override void Release(FrameBatch batch) => Settle(batch, default);

    /// <summary>Frames cannot be taken back. They are lost with the port that they were meant for.</summary>
    internal override void Rewind()
    {
        if (_inHand is { Count: not 0 } batch)
        {
            var burst = default(Burst);
            burst.Drops[(int)DropReason.PeerDown] = batch.Count;
            Settle(batch, burst);
        }

        Done();
    }

    /// <inheritdoc/>
    internal override uint Room(uint wanted, uint packetsPerFrame) => 0;

    /// <summary>Nobody's peer.</summary>
    internal override void Send(FrameSelection frames, ref Burst burst) => throw new NotSupportedException();

    /// <inheritdoc/>
    internal override void Flush() => NeedsFlush = false;

    /// <inheritdoc/>
    internal override bool EnableWakeUps()
    {
        _dozed = _ring.TryDoze();
        return _dozed;
    }

    /// <inheritdoc/>
    internal override void DisableWakeUps()
    {
        Sleeps += _dozed ? 1u : 0;
        _dozed = false;
        _ring.Rouse();
    }

    /// <inheritdoc/>
    internal override void AcknowledgeWakeUp() => _ring.Acknowledge();

    /// <inheritdoc/>
    internal override void PublishLevels() => Rings.RxLevel = _ring.Level;

    /// <inheritdoc/>
    internal override void Detach()
    {
        IsOver = true;
        base.Detach();
    }

    public void Dispose()
    {
        _ring.Dispose();
        CrossingSlots.Free(this, ref _isFreed);
    }

    private bool TryTake(FrameBatch batch, FrameRecords records, ulong token, ref Burst burst)
    {
        // SAFETY: as in TryTurn; the record is read only.
        CrossedFrame* record = records.At(FrameToken.RecordOf(token));
        if (FrameToken.HomeOf(token) != _home || record->Route != _route
            || batch.SpanCount + record->MoreCount > FrameBatch.SpanCountMax)
        {
            return false;
        }

        // SAFETY: a batch has room for CountMax frames, of which a walk takes no more.
        Frame* frame = &batch.Frames[batch.Count++];
        frame->First = record->Span;
        frame->Length = record->Length;
        frame->MoreFirst = batch.SpanCount;
        frame->MoreCount = record->MoreCount;
        frame->Offload = record->Offload;
        frame->Cookie = token;
        for (uint next = record->Next; next != 0; next = records.At(next)->Next)
        {
            batch.Spans[batch.SpanCount++] = records.At(next)->Span;
        }

        burst.RxPackets++;
        burst.RxBytes += record->Length;
        return true;
    }

    private void Unpeek(uint count)
    {
        for (; count != 0; count--)
        {
            _ring.Unpeek();
        }
    }

    private void Done()
    {
        _ring.Release();
        _filtered = 0;
        _inHand = null;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Prefetch(void* line)
    {
        if (Sse.IsSupported)
        {
            // SAFETY: a prefetch does not fault, wherever it points.
            Sse.Prefetch0(line);
        }
    }
}
