using Nf.DataPlane.Frames;
using Nf.Linux;
using Nf.SharedMemory.Segments;

namespace Nf.DataPlane.Ports;

/// <summary>What a worker polls: something that frames are received from and sent to.</summary>
/// <remarks>
/// Owned by one worker while attached to it; the control thread changes it between bursts only, through the worker's
/// inbox. A walk of frames is <see cref="Receive"/>, <see cref="Send"/> on one or more other ports,
/// <see cref="Release"/>, and at the end of the round <see cref="Flush"/> on those that were sent to.
/// </remarks>
internal abstract unsafe class Port
{
    private readonly PortSlot* _counters;

    /// <param name="slot">Its slot in the segment.</param>
    /// <param name="counters">Its lines of the segment.</param>
    protected Port(int slot, PortSlot* counters)
    {
        Slot = slot;
        _counters = counters;
    }

    /// <summary>Its slot in the segment.</summary>
    internal int Slot { get; }

    /// <summary>Its lines of the segment.</summary>
    internal PortSlot* Counters => _counters;

    /// <summary>Counters of packets and bytes.</summary>
    // SAFETY: a slot of the segment, which stays mapped longer than any port.
    internal ref PortTraffic Traffic => ref _counters->Traffic;

    /// <summary>Counters of drops, by <see cref="DropReason"/>.</summary>
    // SAFETY: as above.
    internal ref PortDrops Drops => ref _counters->Drops;

    /// <summary>Levels and system calls.</summary>
    // SAFETY: as above.
    internal ref PortRings Rings => ref _counters->Rings;

    /// <summary>What only a vhost port counts.</summary>
    // SAFETY: as above.
    internal ref PortVhost Vhost => ref _counters->Vhost;

    /// <summary>Where what it receives leaves on a link; null while it is in none.</summary>
    internal Port? Peer { get; set; }

    /// <summary>What decides where frames leave, instead of <see cref="Peer"/>; null while it is on no
    /// bridge.</summary>
    internal FrameSwitch? Switch { get; set; }

    /// <summary>Where it is on <see cref="Switch"/>.</summary>
    internal SwitchPlace Place { get; set; }

    /// <summary>What judges each frame before it goes on; null where all do.</summary>
    internal FrameFilter? Filter { get; set; }

    /// <summary>False for a port whose frames are dropped when they cannot be sent at once, because others wait behind
    /// them.</summary>
    internal virtual bool WaitsForRoom => true;

    /// <summary>
    /// Who takes what is sent here: as a rule itself, or another queue of the same device while this one is not in use.
    /// </summary>
    internal virtual Port Sink => this;

    /// <summary>What its worker lends it while it is attached.</summary>
    internal PortTools? Tools { get; private set; }

    /// <summary>False while what was to leave here is dropped by its receiver.</summary>
    internal abstract bool IsUp { get; set; }

    /// <summary>Largest finished frame in bytes that can leave here.</summary>
    internal uint FrameBytesMax { get; set; } = uint.MaxValue;

    /// <summary>True while something sent here waits for <see cref="Flush"/>.</summary>
    internal bool NeedsFlush { get; set; }

    /// <summary>True while <see cref="Receive"/> would find something.</summary>
    internal abstract bool HasFrames { get; }

    /// <summary>
    /// How many packets a frame received here can become for a port that takes no unfinished ones: above 1 when the
    /// sender leaves segmentation to others.
    /// </summary>
    internal virtual uint PacketsPerFrame => 1;

    /// <summary>Longest sleep of its worker in milliseconds; -1 when it always tells of its frames.</summary>
    internal virtual int RestMilliseconds => -1;

    /// <summary>Packets dropped for any reason.</summary>
    internal ulong DropsTotal()
    {
        ulong total = 0;
        for (int reason = 0; reason < DropReasons.Count; reason++)
        {
            total += Drops[reason];
        }

        return total;
    }

    /// <summary>Takes up to <paramref name="max"/> frames; they stay where they are until they are
    /// released.</summary>
    /// <param name="batch">Empty; receives the frames.</param>
    /// <param name="max">Most frames, at most <see cref="FrameBatch.CountMax"/>.</param>
    /// <param name="burst">
    /// Counts what was received, and what was dropped here because it is no frame (with its reason; such are not in
    /// the batch).
    /// </param>
    internal abstract void Receive(FrameBatch batch, uint max, ref Burst burst);

    /// <summary>Gives back everything that <see cref="Receive"/> took, sent or not.</summary>
    internal abstract void Release(FrameBatch batch);

    /// <summary>As <see cref="Release"/>, for a port that has to tell others what became of the frames.</summary>
    /// <param name="batch">The frames.</param>
    /// <param name="burst">What they came to.</param>
    internal virtual void Settle(FrameBatch batch, in Burst burst) => Release(batch);

    /// <summary>
    /// How many frames the next <see cref="Send"/> will take, at most <paramref name="wanted"/>: what does not fit
    /// stays where it is. A port that drops what does not fit, because it may never fit, answers
    /// <paramref name="wanted"/>.
    /// </summary>
    /// <param name="wanted">Frames that may come.</param>
    /// <param name="packetsPerFrame"><see cref="PacketsPerFrame"/> of the port that they come from.</param>
    internal abstract uint Room(uint wanted, uint packetsPerFrame);

    /// <summary>
    /// Copies frames out, finishing what the other side cannot take unfinished, and counts what left on its own line.
    /// </summary>
    /// <param name="frames">Which.</param>
    /// <param name="burst">
    /// Counts for each frame either a packet sent or a drop with its reason, on behalf of the receiving port: a frame
    /// that leaves as several segments is one.
    /// </param>
    internal abstract void Send(FrameSelection frames, ref Burst burst);

    /// <summary>Tells the other side of what was sent. Once per round and port.</summary>
    internal abstract void Flush();

    /// <summary>Asks the other side to signal <see cref="Readiness"/> when it has something.</summary>
    /// <returns>False when it has something already: do not sleep.</returns>
    internal virtual bool EnableWakeUps() => true;

    /// <summary>Spares the other side the signals while the worker polls.</summary>
    internal virtual void DisableWakeUps()
    {
    }

    /// <summary>What becomes readable when the worker should look, once <see cref="EnableWakeUps"/> was called. Changes
    /// only after <see cref="Unwatch"/>.</summary>
    internal abstract IReadOnlyList<FileDescriptor> Readiness { get; }

    /// <summary>How <see cref="Readiness"/> is waited for.</summary>
    internal virtual EpollEvents ReadinessEvents => EpollEvents.In;

    /// <summary>Told when <see cref="Readiness"/> ended a sleep.</summary>
    internal virtual void AcknowledgeWakeUp()
    {
    }

    /// <summary>Publishes how its rings stand.</summary>
    internal abstract void PublishLevels();

    /// <summary>Tells whether a ring shows an index that cannot be true, which makes the worker take the port
    /// out.</summary>
    internal virtual bool IsCorrupted() => false;

    /// <summary>Goes down for good.</summary>
    internal virtual void Break()
    {
    }

    /// <summary>Forgets what a round that ended in the middle had taken or claimed, and neither released nor
    /// submitted.</summary>
    internal abstract void Rewind();

    /// <summary>Why a part of the port is not touched any more, once; null when nothing happened.</summary>
    internal virtual string? TakeFault() => null;

    /// <summary>Begins to be polled by a worker. On that worker.</summary>
    internal virtual void AttachTo(PortTools tools) => Tools = tools;

    /// <summary>Is polled no more.</summary>
    internal virtual void Detach() => Tools = null;

    /// <summary>Has the worker forget what it waits for: <see cref="Readiness"/> is about to change.</summary>
    protected void Unwatch() => Tools?.Unwatch(this);
}
