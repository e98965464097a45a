namespace Nf.DataPlane.Vhost.Rings;

/// <content>Signals to the driver, and from it.</content>
/// <remarks>SAFETY: both event areas are four mapped bytes, aligned to 4 (VirtqueueSetup).</remarks>
internal sealed unsafe partial class PackedVirtqueue
{
    private const ushort EventEnable = 0;
    private const ushort EventDisable = 1;
    private const ushort EventAtDescriptor = 2;

    // Descriptors given back since the last decision whether to signal.
    private ulong _unsignalled;

    // The used position at that decision; the first one is always to signal.
    private PackedPosition _signalled;
    private bool _hasSignalled;

    private ref ushort DriverPosition => ref *(ushort*)_driverArea;

    private ref ushort DriverFlags => ref *(ushort*)(_driverArea + 2);

    private ref ushort DevicePosition => ref *(ushort*)_deviceArea;

    private ref ushort DeviceFlags => ref *(ushort*)(_deviceArea + 2);

    /// <inheritdoc/>
    internal override void Notify()
    {
        if (_unsignalled == 0 || Fault != RingFault.None)
        {
            return;
        }

        // Full fence: the used descriptors must be out before the driver's wish is read. The driver does the two the
        // other way round, so one of us sees the other; without it both may miss, and the driver sleeps on.
        Interlocked.MemoryBarrier();
        ushort flags = Volatile.Read(ref DriverFlags);
        bool isWanted = flags != EventDisable && (flags != EventAtDescriptor || !HasEventIndex || IsEventReached());
        if (!isWanted && (Setup.Features & VirtioFeatures.NotifyOnEmpty) != 0)
        {
            isWanted = !IsAvailable(_next);
        }

        _unsignalled = 0;
        _signalled = _used;
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
            // In this order: the position holds before the flags say that it counts.
            Volatile.Write(ref DevicePosition, (ushort)_next.Word);
        }

        Volatile.Write(ref DeviceFlags, HasEventIndex ? EventAtDescriptor : EventEnable);
        LogDeviceArea();

        // Full fence: the wish must be out before the ring is read again, or a buffer that is added in between comes
        // without a kick and is seen by nobody.
        Interlocked.MemoryBarrier();
        return RedoLeft == 0 && !IsAvailable(_next);
    }

    /// <inheritdoc/>
    internal override void DisableKicks()
    {
        if (Fault == RingFault.None)
        {
            Volatile.Write(ref DeviceFlags, EventDisable);
            LogDeviceArea();
        }
    }

    private bool IsEventReached()
    {
        // The flags were read before, with acquire: the position is the one they speak of.
        var wanted = PackedPosition.Of(Volatile.Read(ref DriverPosition));
        if (!_hasSignalled || _unsignalled >= _size)
        {
            return true;
        }

        // All three counted in the lap of the used position.
        int now = (int)_used.Index;
        int before = (int)_signalled.Index - (now <= (int)_signalled.Index ? (int)_size : 0);
        int at = (int)wanted.Index - (wanted.Wrap != _used.Wrap ? (int)_size : 0);
        return RingEvents.IsReached((ushort)at, (ushort)now, (ushort)before);
    }

    private void LogDeviceArea()
    {
        if (Setup.UsedLogAddress is { } address)
        {
            Setup.Log?.Mark(address, 4);
        }
    }
}
