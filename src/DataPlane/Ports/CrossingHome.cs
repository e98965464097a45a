using System.Numerics;
using Nf.DataPlane.Cpumaps;
using Nf.DataPlane.Frames;
using Nf.DataPlane.Memory;
using Nf.Linux;
using Nf.SharedMemory.Segments;

namespace Nf.DataPlane.Ports;

/// <summary>
/// Where the frames that a worker handed over come back to: only here are their chunks freed, and is counted what
/// became of them. Also the way back for frames of others that this worker is done with.
/// </summary>
/// <remarks>
/// Polled as a port, though no frame is received from it. A frame is in flight from when it is staged until it is back,
/// and then it was forwarded or dropped with a reason, at the port that received it.
/// </remarks>
internal sealed unsafe class CrossingHome : Port, IDisposable
{
    private const int StageMax = 64;

    private readonly CrossingHomes _homes;
    private readonly CrossingIn?[] _sources = new CrossingIn?[SegmentLayout.PortCountMax];
    private readonly HandoverRing _returns;
    private readonly ulong[]?[] _staged = new ulong[]?[SegmentLayout.WorkerCountMax];
    private readonly int[] _stagedCount = new int[SegmentLayout.WorkerCountMax];
    private readonly FileDescriptor[] _readiness;
    private uint _stagedHomes; // a bit each
    private uint _wakeHomes;
    private bool _isFreed;

    /// <param name="number">The slot of its worker.</param>
    /// <param name="homes">All of them.</param>
    /// <param name="records">The frames that are on their way.</param>
    internal CrossingHome(int number, CrossingHomes homes, FrameRecords records)
        : base(CrossingSlots.Next(), CrossingSlots.NewCounters())
    {
        Number = number;
        Records = records;
        _homes = homes;

        // As many as there are records: whoever brings one back always finds room.
        _returns = new HandoverRing(records.Capacity);
        _readiness = [_returns.Readiness];
        homes.Add(this);
    }

    /// <summary>The slot of its worker.</summary>
    internal int Number { get; }

    /// <summary>The frames that are on their way.</summary>
    internal FrameRecords Records { get; }

    /// <inheritdoc/>
    internal override bool IsUp { get; set; } = true;

    /// <inheritdoc/>
    internal override bool HasFrames => _returns.HasTokens;

    /// <inheritdoc/>
    internal override IReadOnlyList<FileDescriptor> Readiness => _readiness;

    /// <summary>Takes back what others are done with.</summary>
    internal void Reap()
    {
        if (!_returns.HasTokens)
        {
            return;
        }

        while (_returns.TryPeek(out ulong token))
        {
            TakeBack(token);
        }

        _returns.Release();
    }

    /// <summary>Makes known by what a port hands over: its frames come back to it.</summary>
    internal void Register(CrossingIn source) => _sources[source.Route] = source;

    /// <summary>Forgets it again; nothing of it may be on its way.</summary>
    internal void Forget(CrossingIn source) => _sources[source.Route] = null;

    /// <summary>Brings a frame home, whosever it is: one of this worker at once, one of another with the next
    /// <see cref="Flush"/>.</summary>
    /// <param name="token">The frame, and what became of it.</param>
    internal void Bring(ulong token)
    {
        int home = FrameToken.HomeOf(token);
        if (home == Number)
        {
            TakeBack(token);
            return;
        }

        ulong[]? stage = _staged[home];
        if (stage is null)
        {
            stage = NewStage(home);
        }
        else if (_stagedCount[home] == StageMax)
        {
            Push(home);
        }

        stage[_stagedCount[home]++] = token;
        _stagedHomes |= 1u << home;
        NeedsFlush = true;
    }

    /// <summary>Gives back what a frame lies in; nothing is counted.</summary>
    /// <param name="record">Its record.</param>
    /// <param name="umem">Whose chunks it has; null for copies.</param>
    internal void Recycle(uint record, Umem? umem)
    {
        while (record != 0)
        {
            // SAFETY: a record of ours that is in use, or the next of one.
            CrossedFrame* part = Records.At(record);
            uint next = part->Next;

            // A chunk that left with its frame is somebody else's by now.
            if (umem is not null && umem.TryChunkAt(part->Span.Data, out uint chunk)
                && (umem.OwnerOf(chunk) & ChunkOwner.KindMask) == ChunkOwner.Worker)
            {
                umem.Free(chunk);
            }

            Records.Free(record);
            record = next;
        }
    }

    /// <inheritdoc/>
    internal override void Flush()
    {
        for (uint rest = _stagedHomes; rest != 0; rest &= rest - 1)
        {
            Push(BitOperations.TrailingZeroCount(rest));
        }

        for (uint rest = _wakeHomes; rest != 0; rest &= rest - 1)
        {
            _homes[BitOperations.TrailingZeroCount(rest)]._returns.Wake();
        }

        _stagedHomes = 0;
        _wakeHomes = 0;
        NeedsFlush = false;
    }

    /// <inheritdoc/>
    internal override bool EnableWakeUps() => _returns.TryDoze() && !NeedsFlush;

    /// <inheritdoc/>
    internal override void DisableWakeUps() => _returns.Rouse();

    /// <inheritdoc/>
    internal override void AcknowledgeWakeUp() => _returns.Acknowledge();

    /// <inheritdoc/>
    internal override void PublishLevels()
    {
    }

    /// <inheritdoc/>
    internal override void Rewind()
    {
    }

    /// <inheritdoc/>
    internal override void Receive(FrameBatch batch, uint max, ref Burst burst) => Reap();

    /// <inheritdoc/>
    internal override void Release(FrameBatch batch)
    {
    }

    /// <inheritdoc/>
    internal override uint Room(uint wanted, uint packetsPerFrame) => 0;

    /// <summary>Nobody's peer.</summary>
    internal override void Send(FrameSelection frames, ref Burst burst) => throw new NotSupportedException();

    public void Dispose()
    {
        _returns.Dispose();
        Records.Dispose();
        CrossingSlots.Free(this, ref _isFreed);
    }

    private void TakeBack(ulong token)
    {
        uint record = FrameToken.RecordOf(token);

        // SAFETY: a token of this home names one of its records, and is back only once.
        CrossedFrame* frame = Records.At(record);
        CrossingIn way = _sources[frame->Route]!;
        Port port = way.Source!;
        if (FrameToken.IsDropped(token, out DropReason reason))
        {
            port.Drops[(int)reason]++;
        }
        else
        {
            port.Traffic.LinkPackets++;
            port.Traffic.LinkBytes += frame->Length;
        }

        port.Rings.HandedOver--;
        Recycle(record, way.Umem);
    }

    private ulong[] NewStage(int home) => _staged[home] = new ulong[StageMax];

    private void Push(int home)
    {
        int count = _stagedCount[home];
        int pushed = _homes[home]._returns.Push(_staged[home].AsSpan(0, count));
        if (pushed != count)
        {
            throw new InvalidOperationException($"home {home} got more frames back than it has: one came back twice");
        }

        _stagedCount[home] = 0;
        _wakeHomes |= 1u << home;
    }
}
