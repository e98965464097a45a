namespace Nf.DataPlane.Vhost.Rings;

/// <content>Signals to the driver, and from it.</content>
internal sealed unsafe partial class SplitVirtqueue
{
    // Entries published since the last decision whether to signal.
    private ulong _unsignalled;

    // The used index at that decision; the first one is always to signal.
    private ushort _signalled;
    private bool _hasSignalled;

    /// <inheritdoc/>
    internal override void Notify()
    {
        if (_unsignalled == 0 || Fault != RingFault.None)
        {
            return;
        }

        // Full fence: the used index must be out before the driver's wish is read. The driver does the two the other
        // way round, so one of us sees the other; without it both may miss, and the driver sleeps on.
        Interlocked.MemoryBarrier();
        bool isWanted = HasEventIndex ? IsEventReached() : (Volatile.Read(ref AvailableFlags) & FlagNoInterrupt) == 0;
        if (!isWanted && (Setup.Features & VirtioFeatures.NotifyOnEmpty) != 0)
        {
            isWanted = Volatile.Read(ref AvailableIndex) == _next;
        }

        _unsignalled = 0;
        _signalled = _published;
        _hasSignalled = true;
        if (isWanted)
        {
            Call();
        }
        else
        {
            CallsSuppressed++;
        }
    }

    /// <inheritdoc/>
    internal override bool EnableKicks()
    {
        if (Fault != RingFault.None)
        {
            return true;
        }

        if (HasEventIndex)
        {
            Volatile.Write(ref AvailableEvent, _next);
            LogUsedArea(SlotsOffset + (8 * _size));
        }
        else
        {
            Volatile.Write(ref UsedFlags, 0);
            LogUsedArea(0);
        }

        // Full fence: the wish must be out before the index is read again, or a buffer that is added in between comes
        // without a kick and is seen by nobody.
        Interlocked.MemoryBarrier();
        return Volatile.Read(ref AvailableIndex) == _next && RedoLeft == 0;
    }

    /// <inheritdoc/>
    internal override void DisableKicks()
    {
        // With event indexes an old event does the same: the driver comes by it once in 65536 buffers.
        if (Fault == RingFault.None && !HasEventIndex)
        {
            Volatile.Write(ref UsedFlags, FlagNoNotify);
            LogUsedArea(0);
        }
    }

    private bool IsEventReached()
    {
        ushort wanted = Volatile.Read(ref UsedEvent);
        return !_hasSignalled || _unsignalled > ushort.MaxValue || RingEvents.IsReached(wanted, _published, _signalled);
    }

    private void LogUsedArea(uint offset)
    {
        if (Setup.UsedLogAddress is { } address)
        {
            Setup.Log?.Mark(address + offset, 2);
        }
    }
}
