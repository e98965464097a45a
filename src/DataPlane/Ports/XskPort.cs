using System.Runtime.CompilerServices;
using Nf.DataPlane.Memory;
using Nf.Linux;
using Nf.SharedMemory.Rings;
using Nf.SharedMemory.Segments;

namespace Nf.DataPlane.Ports;

/// <summary>An AF_XDP socket as its worker sees it: an RX ring, a TX ring, and a pool.</summary>
/// <remarks>
/// Two such ports on one UMEM exchange descriptors, and two on different ones copies, by what
/// <c>Forwarding.Forwarder</c> does with their rings; the walk over frames in XskPort.Receive.cs and XskPort.Send.cs is
/// for everything else.
/// </remarks>
internal sealed unsafe partial class XskPort : Port
{
    /// <summary>System calls for one flush: enough for a full ring of 2048 at the kernel's default budget of
    /// 32.</summary>
    private const int KickMax = 64;

    private readonly FileDescriptor[] _readiness;
    private ConsumerRing<xdp_desc> _rx;
    private ProducerRing<xdp_desc> _tx;

    private bool _isUp = true;
    private bool _isBroken;

    /// <param name="slot">Its slot in the segment.</param>
    /// <param name="socket">For wake-ups; never used while neither ring has XDP_RING_NEED_WAKEUP set.</param>
    /// <param name="pool">Its fill and completion ring.</param>
    /// <param name="rx">What it receives.</param>
    /// <param name="tx">What it sends.</param>
    /// <param name="counters">Its lines of the segment.</param>
    /// <param name="readiness">What to wait on instead of the socket, for rings whose other end is no kernel.</param>
    internal XskPort(
        int slot, AfXdpSocket socket, XskPool pool, ConsumerRing<xdp_desc> rx, ProducerRing<xdp_desc> tx,
        PortSlot* counters, FileDescriptor? readiness = null)
        : base(slot, counters)
    {
        Socket = socket;
        _readiness = [readiness ?? socket.Descriptor];
        Pool = pool;
        _rx = rx;
        _tx = tx;
    }

    /// <summary>The socket, for wake-ups.</summary>
    internal AfXdpSocket Socket { get; }

    /// <summary>The socket: readable while the RX ring has entries.</summary>
    internal override IReadOnlyList<FileDescriptor> Readiness => _readiness;

    /// <summary>Its fill and completion ring.</summary>
    internal XskPool Pool { get; }

    /// <summary>The UMEM its frames are in.</summary>
    internal Umem Umem => Pool.Umem;

    /// <summary>What it receives.</summary>
    internal ref ConsumerRing<xdp_desc> Rx => ref _rx;

    /// <summary>What it sends.</summary>
    internal ref ProducerRing<xdp_desc> Tx => ref _tx;

    /// <summary>
    /// False while the device is down or gone, or once a ring is corrupted: what was to leave here is dropped by its
    /// receiver.
    /// </summary>
    internal override bool IsUp
    {
        get => _isUp;
        set => _isUp = value && !_isBroken;
    }

    /// <summary>Most descriptors of a frame: 1 without scatter-gather.</summary>
    internal uint SegmentsMax { get; set; } = 1;

    /// <inheritdoc/>
    internal override bool HasFrames => _rx.HasEntries;

    /// <summary>
    /// What is sent comes back without any event: while chunks are owed to a fill ring, or frames to the device, it is
    /// looked for again soon.
    /// </summary>
    internal override int RestMilliseconds
    {
        get
        {
            bool waits = Pool.WaitsForChunks;
            return (NeedsFlush && _isUp) || (waits && Pool.FillHeld <= Pool.FillTarget / 2) ? 1 : waits ? 100 : -1;
        }
    }

    /// <summary>Makes room in the TX ring for up to <paramref name="wanted"/> descriptors.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal uint MakeRoom(uint wanted)
    {
        uint room = _tx.Free(wanted);
        return room >= wanted ? room : MakeRoomSlow(wanted);
    }

    /// <summary>Tells the kernel of the frames in the TX ring, until it has taken them or will take no more
    /// now.</summary>
    [MethodImpl(MethodImplOptions.NoInlining)]
    internal override void Flush()
    {
        if (!_tx.NeedsWakeup)
        {
            // Zero-copy and the driver is awake.
            NeedsFlush = false;
            return;
        }

        for (int i = 0; i < KickMax; i++)
        {
            uint before = _tx.Consumed;
            Errno errno = Socket.KickTx();
            Rings.TxKicks++;
            if (_tx.Level == 0)
            {
                NeedsFlush = false;
                return;
            }

            // EAGAIN, EBUSY and ENOBUFS say little: the consumer index tells whether anything was taken. One invalid
            // descriptor ends a call with 0, so that is no reason to stop either.
            if (errno is Errno.ENETDOWN or Errno.ENXIO || _tx.Consumed == before)
            {
                // What stays is sent by a later round: completions must be reaped, or the device come up, first.
                return;
            }
        }
    }

    /// <inheritdoc/>
    internal override bool IsCorrupted() => _rx.Level > _rx.Size || _tx.Level > _tx.Size
        || Pool.Fill.Level > Pool.Fill.Size || Pool.Completion.Level > Pool.Completion.Size;

    /// <summary>Goes down for good: a ring shows an index that cannot be true, and nobody may touch it again.</summary>
    internal override void Break()
    {
        _isBroken = true;
        _isUp = false;
        NeedsFlush = false;
    }

    /// <summary>Forgets what a burst had looked at or claimed, and neither released nor submitted.</summary>
    /// <remarks>Never between handing frames over and releasing them: nothing there looks at a ring.</remarks>
    internal override void Rewind()
    {
        _rx.Unpeek(_rx.Peeked - _rx.Released);
        _tx.Unreserve(_tx.Reserved - _tx.Submitted);
        _taken = 0;
        _written = 0;
        _writtenPackets = 0;
        _writtenBytes = 0;
    }

    /// <summary>Publishes how the rings stand.</summary>
    internal override void PublishLevels()
    {
        Rings.FillLevel = Pool.Fill.Level;
        Rings.RxLevel = _rx.Level;
        Rings.TxLevel = _tx.Level;
        Rings.CompletionLevel = Pool.Completion.Level;
        Rings.TxCompletions = Pool.Completions;
    }

    private uint MakeRoomSlow(uint wanted)
    {
        Flush();
        Pool.ReapCompletions();
        return _tx.Free(wanted);
    }
}
