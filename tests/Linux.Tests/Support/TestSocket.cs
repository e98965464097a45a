using System.Runtime.InteropServices;

namespace Nf.Linux.Tests.Support;

/// <summary>An AF_XDP socket with its memory and rings, bound to a queue of an interface of a test namespace.</summary>
public sealed unsafe class TestSocket : IDisposable
{
    private readonly XskSetup _setup;

    public TestSocket(TestNamespace space, int ifindex, XskSetup setup)
    {
        _setup = setup;
        Socket = space.Run(AfXdpSocket.Create);
        try
        {
            Prepare();
            Bind(ifindex);
        }
        catch
        {
            Dispose();
            throw;
        }
    }

    public AfXdpSocket Socket { get; }

    public MappedMemory Memory { get; private set; } = null!;

    public TestRing<ulong> Fill { get; private set; } = null!;

    public TestRing<ulong> Completion { get; private set; } = null!;

    public TestRing<xdp_desc> Rx { get; private set; } = null!;

    public TestRing<xdp_desc> Tx { get; private set; } = null!;

    /// <summary>Lets the kernel receive into so many chunks, counted from the first.</summary>
    public void PostChunks(int count, int first = 0)
    {
        ulong[] addresses = Enumerable.Range(first, count).Select(i => (ulong)i * _setup.ChunkSize).ToArray();
        Fill.Produce(addresses);
    }

    /// <summary>Writes test frames into chunks and queues them; does not kick.</summary>
    public void QueueFrames(int count, int lengthBytes = 64, int firstChunk = 0)
    {
        for (int i = 0; i < count; i++)
        {
            ulong address = (ulong)(firstChunk + i) * _setup.ChunkSize;
            WriteFrame((long)address, lengthBytes, i);
            Tx.Produce(new xdp_desc { addr = address, len = (uint)lengthBytes });
        }
    }

    /// <summary>Queues test frames and kicks until the kernel has taken them all.</summary>
    public void SendFrames(int count, int lengthBytes = 64)
    {
        QueueFrames(count, lengthBytes);
        KickUntilTaken();
    }

    public void KickUntilTaken() => Wait.Until(
        () =>
        {
            Completion.Consume();
            Socket.KickTx();
            return Tx.Level == 0;
        },
        "TX ring empty");

    /// <summary>Waits until so many descriptors have arrived and takes them.</summary>
    public List<xdp_desc> Receive(int count)
    {
        Wait.Until(() => Rx.Level >= count, $"{count} descriptors received");
        return Rx.Consume();
    }

    /// <summary>A frame of the experimental EtherType, with a number after the header.</summary>
    public void WriteFrame(long address, int lengthBytes, int number)
    {
        Span<byte> frame = Memory.AsSpan(address, lengthBytes);
        frame.Clear();
        frame[..Math.Min(12, lengthBytes)].Fill(0xff);
        if (lengthBytes > 13)
        {
            frame[12] = 0x88;
            frame[13] = 0xb5;
        }

        if (lengthBytes >= 18)
        {
            MemoryMarshal.Write(frame[14..], number);
        }
    }

    /// <summary>The number a test frame carries.</summary>
    public int NumberOf(xdp_desc descriptor) => MemoryMarshal.Read<int>(BytesOf(descriptor)[14..]);

    public Span<byte> BytesOf(xdp_desc descriptor)
    {
        long address = (long)((descriptor.addr & IfXdp.XSK_UNALIGNED_BUF_ADDR_MASK)
            + (descriptor.addr >> IfXdp.XSK_UNALIGNED_BUF_OFFSET_SHIFT));
        return Memory.AsSpan(address, (int)descriptor.len);
    }

    /// <summary>Asks what can be done without waiting; in copy mode this alone transmits.</summary>
    public short Poll(short events)
    {
        var poll = new pollfd { fd = Socket.Descriptor.Number, events = events };
        Assert.True(Libc.poll(&poll, 1, 0) >= 0);
        return poll.revents;
    }

    public void Dispose()
    {
        Fill?.Dispose();
        Completion?.Dispose();
        Rx?.Dispose();
        Tx?.Dispose();
        Socket.Dispose();
        if (_setup.Shared is null)
        {
            Memory?.Dispose();
        }
    }

    private void Prepare()
    {
        Memory = _setup.Shared?.Memory
            ?? MappedMemory.MapAnonymous((long)_setup.ChunkSize * _setup.ChunkCount, populate: true);
        if (_setup.Shared is null)
        {
            Socket.RegisterUmem(new xdp_umem_reg
            {
                addr = (ulong)Memory.Address,
                len = (ulong)Memory.Length,
                chunk_size = _setup.ChunkSize,
                headroom = _setup.Headroom,
                flags = _setup.UmemFlags,
                tx_metadata_len = _setup.TxMetadataBytes,
            });
        }

        Fill = MakeRing<ulong>(XdpRing.Fill, _setup.FillEntries)!;
        Completion = MakeRing<ulong>(XdpRing.Completion, _setup.CompletionEntries)!;
        Rx = MakeRing<xdp_desc>(XdpRing.Rx, _setup.RxEntries)!;
        Tx = MakeRing<xdp_desc>(XdpRing.Tx, _setup.TxEntries)!;
        Socket.SetSendBuffer(16 << 20, force: true);
    }

    private TestRing<T>? MakeRing<T>(XdpRing ring, uint entries)
        where T : unmanaged
    {
        if (entries == 0)
        {
            return null;
        }

        Socket.SetRingSize(ring, entries);
        return new TestRing<T>(Socket, ring, entries);
    }

    private void Bind(int ifindex) =>
        Socket.Bind(ifindex, _setup.Queue, _setup.BindFlags, _setup.Shared?.Socket.Descriptor);
}
