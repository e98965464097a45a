using System.Runtime.CompilerServices;
using Nf.DataPlane.Frames;

namespace Nf.DataPlane.Vhost.Rings;

/// <summary>The device's side of one virtqueue of a net device.</summary>
/// <remarks>
/// Belongs to one worker from its start to its end. Everything in the ring and in the memory it names is written by
/// somebody who may lie: it is read once into a local, and the local is judged. A chain that breaks a rule goes back to
/// the driver unused and is counted; a ring whose indexes cannot be true is not touched again.
/// A ring starts with kicks switched off: a worker that is about to sleep asks for them.
/// </remarks>
internal abstract unsafe partial class Virtqueue
{
    private protected Virtqueue(VirtqueueSetup setup)
    {
        Setup = setup;
        HeaderBytes = VirtioFeatures.HeaderBytes(setup.Features);
        IsMergeable = (setup.Features & VirtioFeatures.MergeableBuffers) != 0;
        HasEventIndex = (setup.Features & VirtioFeatures.EventIndex) != 0;
        Map = new GuestMap(setup.Memory);
        Walker = new ChainWalker(setup, Map);
        Lag = new LagRule(setup.Size);
        _slotsPinned = GC.AllocateUninitializedArray<BurstSlot>((int)FrameBatch.CountMax, pinned: true);

        // SAFETY: the array is pinned and lives as long as this object.
        Slots = (BurstSlot*)Unsafe.AsPointer(ref _slotsPinned[0]);
    }

    private const ushort NoInterrupt = 1; // VRING_AVAIL_F_NO_INTERRUPT
    private const ushort EventsDisabled = 1; // RING_EVENT_FLAGS_DISABLE

    private readonly BurstSlot[] _slotsPinned;

    /// <summary>What it runs on.</summary>
    internal VirtqueueSetup Setup { get; }

    /// <summary>Why it is not touched any more; <see cref="RingFault.None"/> while it is.</summary>
    /// <remarks>What memory that was just taken away says cannot be true; that it is gone is the reason then.</remarks>
    internal RingFault Fault
    {
        get;
        private protected set =>
            field = value != RingFault.None && Setup.Memory.IsLost ? RingFault.MemoryLost : value;
    }

    /// <summary>Where it would go on, as GET_VRING_BASE answers; nothing may be in hand.</summary>
    internal abstract uint Base { get; }

    /// <summary>Buffers that the driver has made available and that were not used yet; descriptors, in a packed
    /// ring.</summary>
    internal abstract uint Pending { get; }

    /// <summary>How far the used index, or position, is.</summary>
    internal abstract uint UsedIndex { get; }

    /// <summary>How far the driver was when the ring was looked at last; 0 in a packed ring, which does not
    /// say.</summary>
    internal virtual uint SeenIndex => 0;

    /// <summary><see cref="Fault"/> with its numbers, for a person; empty while the ring can be trusted.</summary>
    internal string FaultText => Fault switch
    {
        RingFault.None => "",
        RingFault.IndexAhead => IndexAheadText,
        RingFault.HeadOutOfRange =>
            $"avail->ring[{Base & (Setup.Size - 1)}] names descriptor {Walker.FaultValue} of {Setup.Size}",
        RingFault.NextOutOfRange =>
            $"the chain at descriptor {Walker.Id} goes on at {Walker.FaultValue} of {Setup.Size}",
        RingFault.ChainLoops =>
            $"the chain at descriptor {Walker.FaultValue} has more descriptors than the ring ({Setup.Size})",
        RingFault.MemoryLost => "memory under the ring was taken away",
        _ => $"{Fault}",
    };

    /// <summary>Signals sent to the driver.</summary>
    internal ulong CallsSent { get; private protected set; }

    /// <summary>Signals that the driver did not want.</summary>
    internal ulong CallsSuppressed { get; private protected set; }

    /// <summary>True when the driver asks for no signals at the moment. Not for the fast path.</summary>
    internal bool AreCallsUnwanted
    {
        get
        {
            // SAFETY: the driver's area of either kind is inside one mapping (VirtqueueSetup.Available) and has 4 bytes
            // at least; read once.
            ushort* area = (ushort*)Setup.Available;
            return (Setup.Features & VirtioFeatures.RingPacked) != 0
                ? Volatile.Read(ref area[1]) == EventsDisabled
                : !HasEventIndex && (Volatile.Read(ref area[0]) & NoInterrupt) != 0;
        }
    }

    /// <summary>Chains given back unused because they break a rule.</summary>
    internal ulong BadChains { get; private set; }

    /// <summary>The rule that was broken last, and by what.</summary>
    internal BadChain LastBadChain { get; private set; }

    /// <summary>Descriptors read one by one, for chains that are more than one; see
    /// <see cref="ChainWalker.Work"/>.</summary>
    internal ulong Work => Walker.Work;

    /// <summary>Sentence of <see cref="RingFault.IndexAhead"/>.</summary>
    private protected abstract string IndexAheadText { get; }

    private protected uint HeaderBytes { get; }

    private protected bool IsMergeable { get; }

    private protected bool HasEventIndex { get; }

    private protected GuestMap Map { get; }

    private protected ChainWalker Walker { get; }

    private protected BurstSlot* Slots { get; }

    /// <summary>A field, not a property: it changes in place.</summary>
    private protected LagRule Lag;

    /// <summary>Starts a ring, split or packed as the features say, and recovers what an inflight region
    /// holds.</summary>
    internal static Virtqueue Start(VirtqueueSetup setup) => (setup.Features & VirtioFeatures.RingPacked) != 0
        ? new PackedVirtqueue(setup)
        : new SplitVirtqueue(setup);

    /// <summary>Where a ring goes on whose back-end died: what to start it with to lose nothing and to do nothing
    /// twice. What was taken but not given back is taken again.</summary>
    /// <param name="setup">As it was started last, with the record it was started with.</param>
    internal static uint RecoverBase(VirtqueueSetup setup) => (setup.Features & VirtioFeatures.RingPacked) != 0
        ? PackedVirtqueue.Recover(setup)
        : SplitVirtqueue.Recover(setup);

    /// <summary>Signals the driver of what was published since the last time, if it wants that.</summary>
    internal abstract void Notify();

    /// <summary>Asks the driver for a kick with the next buffer.</summary>
    /// <returns>False when there is one already.</returns>
    internal abstract bool EnableKicks();

    /// <summary>Spares the driver kicks.</summary>
    internal abstract void DisableKicks();

    /// <summary>False once the ring, or the memory under it, cannot be trusted.</summary>
    private protected bool IsUsable()
    {
        if (Fault == RingFault.None && Setup.Memory.IsLost)
        {
            Fault = RingFault.MemoryLost;
        }

        return Fault == RingFault.None;
    }

    private void NoteBadChain(ChainFault fault)
    {
        BadChains++;
        LastBadChain = new BadChain(fault, Walker.Id, Walker.BadAddress, Walker.BadLength);
    }

    /// <summary>Signals the driver. Apart from everything hot, because a system call in a method costs each call of
    /// it.</summary>
    [MethodImpl(MethodImplOptions.NoInlining)]
    private protected void Call()
    {
        if (Setup.Call is { } call)
        {
            // A full count is a signal that was not looked at yet: as good as ours.
            call.Signal();
            CallsSent++;
        }
    }
}
