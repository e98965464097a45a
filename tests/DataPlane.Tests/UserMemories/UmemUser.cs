using Nf.DataPlane.Ports;
using Nf.DataPlane.Tests.Xdp;
using Nf.DataPlane.UserMemories;
using Nf.Linux;
using Nf.SharedMemory.Rings;

namespace Nf.DataPlane.Tests.UserMemories;

/// <summary>A real socket on a real queue, whose packet memory is a user's, with a thread that gives back every chunk
/// that a frame came in.</summary>
internal sealed class UmemUser : IMemoryUser, IDisposable
{
    private const uint Entries = 64;

    // More than are given: the kernel tells a moment later that it took one than that a frame came in it.
    private const uint FillEntries = 2 * Entries;
    private const uint ChunkBytes = 2048;

    private readonly XskRings _rings;
    private readonly Thread _poller;
    private ProducerRing<ulong> _fill;
    private ConsumerRing<xdp_desc> _received;
    private long _frames;
    private volatile bool _stop;

    /// <param name="lab">Where.</param>
    /// <param name="ifindex">The interface; its first queue.</param>
    /// <param name="memory">Active, and mapped here.</param>
    internal unsafe UmemUser(VethLab lab, int ifindex, UserMemory memory)
    {
        Socket = lab.Inner.Run(AfXdpSocket.Create);
        try
        {
            // SAFETY: the memory is mapped until this user has let go, and the kernel pins it for as long as it needs.
            Socket.RegisterUmem(new xdp_umem_reg
            {
                addr = (ulong)memory.Mapping!.Base,
                len = memory.Size,
                chunk_size = ChunkBytes,
            });
            Socket.SetRingSize(XdpRing.Fill, FillEntries);
            Socket.SetRingSize(XdpRing.Completion, Entries);
            Socket.SetRingSize(XdpRing.Rx, Entries);
            _rings = new XskRings(Socket);
            _fill = _rings.Fill(new RingSize(FillEntries));
            _received = _rings.Rx(new RingSize(Entries));
            Await.Until(() => TryBind(ifindex), "the queue");
        }
        catch
        {
            _rings?.Dispose();
            Socket.Dispose();
            throw;
        }

        _poller = new Thread(Poll);
        _poller.Start();
    }

    internal AfXdpSocket Socket { get; }

    internal bool IsStopped { get; private set; }

    /// <summary>Frames that came.</summary>
    internal long Frames => Volatile.Read(ref _frames);

    public void LetGo(UserMemory memory) => Dispose();

    public void Dispose()
    {
        if (IsStopped)
        {
            return;
        }

        _stop = true;
        _poller.Join();

        // A mapped ring holds the socket. The kernel waits for whoever is receiving into it before close returns.
        _rings.Dispose();
        Socket.Dispose();
        IsStopped = true;
    }

    private void Poll()
    {
        Give(Enumerable.Range(0, (int)Entries).Select(chunk => (ulong)chunk * ChunkBytes));
        while (!_stop)
        {
            uint count = _received.Peek(Entries, out uint index);
            var chunks = new List<ulong>();
            for (uint i = 0; i < count; i++)
            {
                chunks.Add(_received[index + i].addr / ChunkBytes * ChunkBytes);
            }

            _received.Release();
            Give(chunks);
            Volatile.Write(ref _frames, _frames + count);
            Thread.Yield();
        }
    }

    private void Give(IEnumerable<ulong> chunks)
    {
        foreach (ulong chunk in chunks)
        {
            Assert.True(_fill.TryReserve(1, out uint index));
            _fill[index] = chunk;
        }

        _fill.Submit();
    }

    private bool TryBind(int ifindex)
    {
        try
        {
            Socket.Bind(ifindex, 0, IfXdp.XDP_COPY);
            return true;
        }
        catch (LinuxException e) when (e.Errno == Errno.EBUSY)
        {
            return false;
        }
    }
}
