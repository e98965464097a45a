using Nf.Linux;
using static Nf.Linux.IfXdp;

namespace Nf.DataPlane.Tests.Xdp;

/// <summary>
/// An AF_XDP socket that gets no chunks to receive into: the kernel drops and counts every frame sent its way, which is
/// all these tests want to know.
/// </summary>
internal sealed class CountingSocket : IDisposable
{
    private const uint ChunkBytes = 2048;
    private const uint ChunkCount = 64;

    private readonly MappedMemory _memory = MappedMemory.MapAnonymous(ChunkBytes * ChunkCount);

    private CountingSocket(AfXdpSocket socket) => Socket = socket;

    internal AfXdpSocket Socket { get; }

    /// <summary>Frames that came.</summary>
    internal ulong Frames => Socket.GetStatistics().rx_dropped;

    internal static CountingSocket Bind(NetworkNamespace network, int ifindex, int queue, bool scatterGather = false)
    {
        var counting = new CountingSocket(network.Run(AfXdpSocket.Create));
        try
        {
            counting.Register();
            ushort flags = (ushort)(XDP_COPY | (scatterGather ? XDP_USE_SG : 0));
            counting.Socket.Bind(ifindex, queue, flags);
            return counting;
        }
        catch
        {
            counting.Dispose();
            throw;
        }
    }

    public void Dispose()
    {
        Socket.Dispose();
        _memory.Dispose();
    }

    private unsafe void Register()
    {
        // SAFETY: the socket is closed before the memory.
        Socket.RegisterUmem(new xdp_umem_reg
        {
            addr = (ulong)_memory.Address,
            len = (ulong)_memory.Length,
            chunk_size = ChunkBytes,
        });
        Socket.SetRingSize(XdpRing.Fill, ChunkCount);
        Socket.SetRingSize(XdpRing.Completion, ChunkCount);
        Socket.SetRingSize(XdpRing.Rx, ChunkCount);
    }
}
