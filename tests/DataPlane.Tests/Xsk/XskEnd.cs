using System.Diagnostics;
using System.Runtime.CompilerServices;
using Nf.DataPlane.Forwarding;
using Nf.DataPlane.Frames;
using Nf.DataPlane.Memory;
using Nf.DataPlane.Ports;
using Nf.Linux;
using Nf.SharedMemory.Rings;
using Nf.SharedMemory.Segments;
using Nf.SharedMemory.Umems;
using static Nf.Linux.IfXdp;

namespace Nf.DataPlane.Tests.Xsk;

/// <summary>
/// One end of a wire on the real kernel: an AF_XDP socket under the data plane's own rings, pool, port and ledger, with
/// the test in the place of the worker.
/// </summary>
internal sealed unsafe class XskEnd : IDisposable
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(10);
    private static int _pools;

    private readonly XskEndSetup _setup;
    private readonly SegmentWriter _segment = SegmentWriter.Create(0, 0, DateTimeOffset.UtcNow);
    private readonly StateFile _state = StateFile.Create();
    private readonly FrameBatch _batch = new();
    private readonly XskRings _rings;
    private readonly Epoll _epoll = new();

    /// <param name="space">Where the interface is.</param>
    /// <param name="ifindex">The interface.</param>
    /// <param name="setup">What is wanted.</param>
    internal XskEnd(NetworkNamespace space, int ifindex, XskEndSetup setup)
    {
        _setup = setup;
        Ifindex = ifindex;
        UmemGeometry geometry = setup.Geometry();
        Umem = setup.Shared?.Umem ?? Umem.Create(
            UmemFiles.Create("xsk-end", geometry, setup.Pages, null), geometry,
            (UmemCounters*)Unsafe.AsPointer(ref _segment.Umem(0).Counters));
        Socket = space.Run(AfXdpSocket.Create);
        if (setup.Shared is null)
        {
            Socket.RegisterUmem(geometry.ToRegistration((ulong)Umem.Base));
        }

        Socket.SetRingSize(XdpRing.Rx, setup.Rx);
        Socket.SetRingSize(XdpRing.Tx, setup.Tx);
        _rings = new XskRings(Socket);
        Pool = setup.Shared is { } first && first.Ifindex == ifindex && first.Queue == setup.Queue
            ? first.Pool
            : NewPool();
        Port = new XskPort(
            0, Socket, Pool, _rings.Rx(new RingSize(setup.Rx)), _rings.Tx(new RingSize(setup.Tx)),
            (PortSlot*)Unsafe.AsPointer(ref _segment.Port(0)))
        {
            SegmentsMax = setup.ScatterGather ? Forwarder.SegmentsMax : 1,
        };
        Tune();
        Bind();
        _epoll.Add(Socket.Descriptor, EpollEvents.In, 0);
    }

    internal int Ifindex { get; }

    internal int Queue => _setup.Queue;

    internal AfXdpSocket Socket { get; }

    internal Umem Umem { get; }

    internal XskPool Pool { get; }

    internal XskPort Port { get; }

    internal xdp_statistics Statistics => Socket.GetStatistics();

    /// <summary>Where the frames of the last <see cref="Receive"/> began.</summary>
    internal List<ulong> Addresses { get; } = [];

    private WorkerRecord* Record => _state.Record(0);

    /// <summary>Gives the kernel every chunk that its fill ring may have.</summary>
    internal void Post()
    {
        uint before;
        do
        {
            before = Pool.FillHeld;
            Pool.Refill(Record, 0, Socket, always: true);
        }
        while (Pool.FillHeld != before);
    }

    /// <summary>Queues a frame, in as many chunks as it needs; does not tell the kernel.</summary>
    /// <param name="frame">Its bytes.</param>
    /// <param name="pieceBytes">Most bytes of a chunk; 0 for all it has.</param>
    /// <param name="spoil">Changes the descriptor of a piece, whose number is the second argument.</param>
    /// <returns>The chunks, which the ledger says are out for sending.</returns>
    internal List<uint> Put(ReadOnlySpan<byte> frame, int pieceBytes = 0, Spoil? spoil = null)
    {
        int room = pieceBytes == 0 ? (int)Umem.Geometry.TxFrameBytesMax : pieceBytes;
        var chunks = new List<uint>();
        do
        {
            int length = Math.Min(room, frame.Length);
            Assert.True(Umem.Pool.TryPop(out uint chunk), "no free chunk to send");
            ulong address = Umem.AddressOf(chunk) + Umem.Geometry.TxMetadataBytes;
            frame[..length].CopyTo(new Span<byte>(Umem.Base + address, length));
            frame = frame[length..];
            var descriptor = new xdp_desc
            {
                addr = address,
                len = (uint)length,
                options = frame.IsEmpty ? 0 : XDP_PKT_CONTD,
            };
            spoil?.Invoke(ref descriptor, chunks.Count);
            Umem.SetOwner(chunk, Pool.TxOwner);
            PutRaw(descriptor);
            Pool.Hold(fill: 0, tx: 1);
            chunks.Add(chunk);
        }
        while (!frame.IsEmpty);
        return chunks;
    }

    /// <summary>Queues a descriptor as it is, of which the ledger knows nothing.</summary>
    internal void PutRaw(xdp_desc descriptor)
    {
        Assert.True(Port.Tx.TryReserve(1, out uint index), "the TX ring is full");
        Port.Tx[index] = descriptor;
        Port.Tx.Submit();
    }

    /// <summary>Has the kernel take everything that was queued, and takes back what it sent.</summary>
    internal void Flush() => Until(
        () =>
        {
            Port.Flush();
            Pool.ReapCompletions();
            return Port.Tx.Level == 0;
        },
        "the TX ring to be empty");

    /// <summary>Sends frames a ring at a time, as fast as the other end takes them.</summary>
    internal void Send(IEnumerable<byte[]> frames, int batch = 64)
    {
        foreach (byte[][] some in frames.Chunk(batch))
        {
            foreach (byte[] frame in some)
            {
                Put(frame);
            }

            Flush();
        }
    }

    /// <summary>Takes what has arrived, and gives its chunks back to the kernel.</summary>
    internal List<byte[]> Take()
    {
        var frames = new List<byte[]>();
        var burst = default(Burst);
        _batch.Clear();
        Port.Receive(_batch, FrameBatch.CountMax, ref burst);
        for (uint i = 0; i < _batch.Count; i++)
        {
            frames.Add(Copy(_batch.Frames[i]));
            Addresses.Add((ulong)(_batch.Frames[i].First.Data - Umem.Base));
        }

        Port.Release(_batch);
        Pool.Refill(Record, 0, Socket, always: true);
        return frames;
    }

    /// <summary>Waits until so many frames have arrived.</summary>
    internal List<byte[]> Receive(int count)
    {
        Addresses.Clear();
        var frames = new List<byte[]>();
        Until(
            () =>
            {
                frames.AddRange(Take());
                return frames.Count >= count;
            },
            () => $"{count} frames; {frames.Count} came");
        return frames;
    }

    /// <summary>Waits on the socket as a worker does.</summary>
    /// <returns>What it is ready for; nothing when the time is over.</returns>
    internal EpollEvents Poll(EpollEvents events, int timeoutMs)
    {
        var ready = new EpollEvent[1];
        _epoll.Modify(Socket.Descriptor, events, 0);
        return _epoll.Wait(ready, timeoutMs) == 0 ? 0 : ready[0].Events;
    }

    /// <summary>Waits until everything that was sent has come back, and looks where every chunk is.</summary>
    internal void CheckLedger(params XskEnd[] others)
    {
        XskEnd[] all = [this, .. others];
        Until(
            () =>
            {
                Array.ForEach(all, end => end.Pool.ReapCompletions());
                return Umem.TxHeld == 0;
            },
            () => $"{Umem.TxHeld} chunks to come back");
        LedgerAudit.Result result = LedgerAudit.Run(Umem, [.. all.Select(end => end.Port)]);
        Assert.Equal("", result.Fault);
        Assert.Equal(Umem.ChunkCount, result.Free + result.Fill + result.Rx + result.Worker);
        Assert.Equal(0ul, result.Worker);
    }

    /// <summary>Asks again and again.</summary>
    internal static void Until(Func<bool> condition, Func<string> what)
    {
        for (var clock = Stopwatch.StartNew(); !condition(); Thread.Yield())
        {
            Assert.True(clock.Elapsed < Patience, $"waited {Patience.TotalSeconds} s for {what()}");
        }
    }

    /// <inheritdoc cref="Until(Func{bool}, Func{string})"/>
    internal static void Until(Func<bool> condition, string what) => Until(condition, () => what);

    public void Dispose()
    {
        _epoll.Dispose();
        _rings.Dispose();
        Socket.Dispose();
        if (_setup.Shared is null)
        {
            Umem.Dispose();
            Umem.Files.Dispose();
        }

        _batch.Dispose();
        _state.Dispose();
        _segment.Dispose();
    }

    private byte[] Copy(in Frame frame)
    {
        var bytes = new byte[frame.Length];
        var target = bytes.AsSpan();
        new ReadOnlySpan<byte>(frame.First.Data, (int)frame.First.Length).CopyTo(target);
        target = target[(int)frame.First.Length..];
        for (uint i = 0; i < frame.MoreCount; i++)
        {
            FrameSpan span = _batch.Spans[frame.MoreFirst + i];
            new ReadOnlySpan<byte>(span.Data, (int)span.Length).CopyTo(target);
            target = target[(int)span.Length..];
        }

        return bytes;
    }

    private XskPool NewPool()
    {
        Socket.SetRingSize(XdpRing.Fill, _setup.Fill);
        Socket.SetRingSize(XdpRing.Completion, _setup.Completion);
        Umem.PoolCount++;
        return new XskPool(
            Interlocked.Increment(ref _pools) & 0x3ff, Umem, _rings.Fill(new RingSize(_setup.Fill)),
            _rings.Completion(new RingSize(_setup.Completion)));
    }

    private void Tune()
    {
        if (_setup.SendBuffer != 0)
        {
            Socket.SetSendBuffer(_setup.SendBuffer, force: true);
        }

        if (_setup.BusyPoll)
        {
            Socket.SetBusyPoll(microseconds: 20, budget: 64);
        }
    }

    // A queue that was let go of is free a moment later.
    private void Bind() => Until(
        () =>
        {
            try
            {
                int flags = XDP_COPY | XDP_USE_NEED_WAKEUP | (_setup.ScatterGather ? XDP_USE_SG : 0);
                Socket.Bind(
                    Ifindex, Queue, _setup.Shared is null ? (ushort)flags : XDP_SHARED_UMEM,
                    _setup.Shared?.Socket.Descriptor);
                return true;
            }
            catch (LinuxException busy) when (busy.Errno == Errno.EBUSY)
            {
                return false;
            }
        },
        "the queue to be free");
}

/// <summary>Changes a descriptor before the kernel sees it.</summary>
internal delegate void Spoil(ref xdp_desc descriptor, int piece);
