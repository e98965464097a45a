using Nf.Linux;
using static Nf.Linux.IfXdp;

namespace Nf.DataPlane.Node;

// What AF_XDP sockets can do. None of these sockets is ever bound to a device.
internal static partial class FeatureProbe
{
    private const uint ChunkBytes = 2048;
    private const long ScratchBytes = 2 * ChunkBytes;
    private const uint TxMetadataBytes = 24;
    private const uint RingEntries = 64;

    // No interface has it: indexes count up from 1.
    private const int IfindexOfNone = int.MaxValue;

    private static Finding TrySocket()
    {
        using AfXdpSocket socket = AfXdpSocket.Create();
        return new Finding(true, "");
    }

    // Kernels before 5.4 answer with shorter ring offsets that end before the last flags word.
    private static Finding TryNeedWakeup()
    {
        using AfXdpSocket socket = AfXdpSocket.Create();
        return socket.GetMmapOffsets().cr.flags != 0
            ? new Finding(true, "")
            : new Finding(false, "XDP_MMAP_OFFSETS tells no flags words (before 5.4)");
    }

    private static Finding TryTxMetadata() => Register(headroom: 0, XDP_UMEM_TX_METADATA_LEN, TxMetadataBytes) switch
    {
        null => new Finding(true, $"{TxMetadataBytes} bytes"),
        { } refusal => new Finding(false, refusal.Message),
    };

    // Kernels from 2026 on keep room for a whole Ethernet frame beside the headroom; older ones take any that leaves
    // a byte.
    private static Finding TryHeadroomLimit()
    {
        const uint LargestOfNewKernels = 1344;
        return Register(LargestOfNewKernels + 1, flags: 0, txMetadataBytes: 0) is { } refusal
            ? new Finding(true, $"at most {LargestOfNewKernels} of a {ChunkBytes}-byte chunk ({refusal.Errno} beyond)")
            : new Finding(false, $"more than {LargestOfNewKernels} of a {ChunkBytes}-byte chunk is accepted");
    }

    // bind looks at the flags first (EINVAL), then for the device (ENODEV).
    private static Finding TryScatterGather()
    {
        using AfXdpSocket socket = AfXdpSocket.Create();
        socket.SetRingSize(XdpRing.Rx, RingEntries);
        try
        {
            socket.Bind(IfindexOfNone, 0, XDP_USE_SG | XDP_COPY);
            return new Finding(false, "bind to no interface succeeded");
        }
        catch (LinuxException refusal) when (refusal.Errno == Errno.ENODEV)
        {
            return new Finding(true, "");
        }
    }

    private static Finding TryTxBudget()
    {
        using AfXdpSocket socket = AfXdpSocket.Create();
        socket.SetRingSize(XdpRing.Tx, RingEntries);
        try
        {
            socket.SetMaxTxBudget(RingEntries);
            return new Finding(true, "");
        }
        catch (LinuxException refusal) when (refusal.Errno is not (Errno.ENOPROTOOPT or Errno.EINVAL))
        {
            return new Finding(true, $"known, but {refusal.Errno} for {RingEntries}");
        }
    }

    private static LinuxException? Register(uint headroom, uint flags, uint txMetadataBytes)
    {
        using MappedMemory memory = MappedMemory.MapAnonymous(ScratchBytes);
        using AfXdpSocket socket = AfXdpSocket.Create();
        try
        {
            // SAFETY: the socket, and with it the kernel's hold on the pages, is closed before the memory.
            unsafe
            {
                socket.RegisterUmem(new xdp_umem_reg
                {
                    addr = (ulong)memory.Address,
                    len = (ulong)memory.Length,
                    chunk_size = ChunkBytes,
                    headroom = headroom,
                    flags = flags,
                    tx_metadata_len = txMetadataBytes,
                });
            }

            return null;
        }
        catch (LinuxException refusal)
        {
            return refusal;
        }
    }
}
