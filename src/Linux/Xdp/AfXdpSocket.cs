using System.Runtime.CompilerServices;
using static Nf.Linux.IfXdp;

namespace Nf.Linux;

/// <summary>
/// Owns an AF_XDP socket: the kernel's own steps, one method each, in the order UMEM, ring sizes, mapping, bind.
/// </summary>
/// <remarks>
/// A mapped ring holds a reference on the socket: dispose the mappings too, or the queue stays taken. The queue becomes
/// free a moment after the last reference is gone, because the kernel detaches it from a work queue.
/// </remarks>
public sealed unsafe class AfXdpSocket : IDisposable
{
    private AfXdpSocket(FileDescriptor descriptor) => Descriptor = descriptor;

    /// <summary>For polling, for an XSKMAP, for sharing the UMEM, and for sending to another process.</summary>
    public FileDescriptor Descriptor { get; }

    /// <summary>A new socket in the network namespace of the calling thread.</summary>
    /// <exception cref="LinuxException">
    /// EPERM without CAP_NET_RAW; EAFNOSUPPORT without AF_XDP in the kernel.
    /// </exception>
    public static AfXdpSocket Create() => new(FileDescriptor.Socket(Libc.AF_XDP, Libc.SOCK_RAW));

    /// <summary>Takes over a received descriptor.</summary>
    /// <exception cref="ArgumentException">It is not an AF_XDP socket; the descriptor stays the caller's.</exception>
    public static AfXdpSocket Adopt(FileDescriptor descriptor)
    {
        ArgumentNullException.ThrowIfNull(descriptor);
        int domain = descriptor.GetOption<int>(Libc.SOL_SOCKET, Libc.SO_DOMAIN);
        return domain == Libc.AF_XDP
            ? new AfXdpSocket(descriptor)
            : throw new ArgumentException(
                $"socket has domain {domain}, expected AF_XDP ({Libc.AF_XDP})", nameof(descriptor));
    }

    /// <summary>Registers packet memory; the kernel pins its pages until the last socket using it is gone.</summary>
    /// <exception cref="LinuxException">
    /// EINVAL for sizes and flags, EFAULT and ENOMEM for memory that cannot be pinned for writing, ENOBUFS beyond
    /// RLIMIT_MEMLOCK, EBUSY the second time.
    /// </exception>
    public void RegisterUmem(in xdp_umem_reg umem) => Descriptor.SetOption(SOL_XDP, XDP_UMEM_REG, umem);

    /// <summary>Creates a ring of so many entries, a power of two.</summary>
    /// <exception cref="LinuxException">EINVAL for another number or a second call, EBUSY after bind.</exception>
    public void SetRingSize(XdpRing ring, uint entries)
    {
        (int option, string name) = ring switch
        {
            XdpRing.Fill => (XDP_UMEM_FILL_RING, nameof(XDP_UMEM_FILL_RING)),
            XdpRing.Completion => (XDP_UMEM_COMPLETION_RING, nameof(XDP_UMEM_COMPLETION_RING)),
            XdpRing.Rx => (XDP_RX_RING, nameof(XDP_RX_RING)),
            XdpRing.Tx => (XDP_TX_RING, nameof(XDP_TX_RING)),
            _ => throw new ArgumentOutOfRangeException(nameof(ring), ring, "unknown ring"),
        };
        Descriptor.SetOption(SOL_XDP, option, entries, name);
    }

    /// <summary>Where the parts of each ring are in its mapping.</summary>
    public xdp_mmap_offsets GetMmapOffsets() => Descriptor.GetOption<xdp_mmap_offsets>(SOL_XDP, XDP_MMAP_OFFSETS);

    /// <summary>Maps a ring.</summary>
    /// <param name="ring">Which one; its size has been set, here or by the socket that shares the queue.</param>
    /// <param name="offsets">From <see cref="GetMmapOffsets"/>.</param>
    /// <param name="entries">As it was created with.</param>
    public MappedMemory MapRing(XdpRing ring, in xdp_mmap_offsets offsets, uint entries)
    {
        (xdp_ring_offset offset, int entryBytes, long fileOffset) = ring switch
        {
            XdpRing.Fill => (offsets.fr, sizeof(ulong), XDP_UMEM_PGOFF_FILL_RING),
            XdpRing.Completion => (offsets.cr, sizeof(ulong), XDP_UMEM_PGOFF_COMPLETION_RING),
            XdpRing.Rx => (offsets.rx, sizeof(xdp_desc), XDP_PGOFF_RX_RING),
            XdpRing.Tx => (offsets.tx, sizeof(xdp_desc), XDP_PGOFF_TX_RING),
            _ => throw new ArgumentOutOfRangeException(nameof(ring), ring, "unknown ring"),
        };
        long length = checked((long)offset.desc + ((long)entries * entryBytes));
        return MappedMemory.Map(Descriptor, fileOffset, length, MapAccess.ReadWrite);
    }

    /// <summary>Binds to a queue of an interface; traffic can flow from here on.</summary>
    /// <param name="ifindex">Of an interface in the socket's own network namespace.</param>
    /// <param name="queue">The kernel keeps 16 bits of it without a word, so more is refused here.</param>
    /// <param name="flags">XDP_COPY, XDP_ZEROCOPY, XDP_USE_NEED_WAKEUP, XDP_USE_SG.</param>
    /// <param name="sharedUmem">A bound socket whose UMEM is to be used; then no flags are allowed.</param>
    /// <exception cref="LinuxException">
    /// EBUSY when the queue is taken or not yet free again, EINVAL, ENODEV, EOPNOTSUPP without zero copy.
    /// </exception>
    public void Bind(int ifindex, int queue, ushort flags, FileDescriptor? sharedUmem = null)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(queue);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(queue, ushort.MaxValue);
        var address = new sockaddr_xdp
        {
            sxdp_family = Libc.AF_XDP,
            sxdp_flags = sharedUmem is null ? flags : (ushort)(flags | XDP_SHARED_UMEM),
            sxdp_ifindex = (uint)ifindex,
            sxdp_queue_id = (uint)queue,
            sxdp_shared_umem_fd = sharedUmem is null ? 0 : (uint)sharedUmem.Number,
        };

        // SAFETY: address is a local of the size given, and sharedUmem is kept open until the call is over.
        int result = Libc.bind(Descriptor, &address, (uint)sizeof(sockaddr_xdp));
        GC.KeepAlive(sharedUmem);
        Result.Check(result, $"bind(AF_XDP, ifindex {ifindex}, queue {queue})");
    }

    /// <summary>Has bind refuse every other interface (since 6.6). The first time anybody may, later only with
    /// CAP_NET_RAW: whoever is sent the socket cannot undo it.</summary>
    /// <param name="ifindex">An index; that of no interface makes every bind fail.</param>
    public void RestrictTo(int ifindex) => Descriptor.SetOption(Libc.SOL_SOCKET, Libc.SO_BINDTOIFINDEX, ifindex);

    /// <summary>What the kernel counted.</summary>
    public xdp_statistics GetStatistics() => Descriptor.GetOption<xdp_statistics>(SOL_XDP, XDP_STATISTICS);

    /// <summary>Whether zero copy is in use; the only truth about it after a bind that did not force a mode.</summary>
    public xdp_options GetOptions() => Descriptor.GetOption<xdp_options>(SOL_XDP, XDP_OPTIONS);

    /// <summary>
    /// Descriptors one <see cref="KickTx"/> sends at most in copy mode (6.17+): 32 to the TX ring's size.
    /// </summary>
    /// <exception cref="LinuxException">EACCES outside that range, ENOPROTOOPT on older kernels.</exception>
    public void SetMaxTxBudget(uint descriptors) => Descriptor.SetOption(SOL_XDP, XDP_MAX_TX_SKB_BUDGET, descriptors);

    /// <summary>Bytes that may be in flight in copy mode, where every frame counts with its skb.</summary>
    /// <param name="bytes">The kernel doubles it.</param>
    /// <param name="force">Beyond net.core.wmem_max; needs CAP_NET_ADMIN.</param>
    public void SetSendBuffer(int bytes, bool force)
    {
        if (force)
        {
            Descriptor.SetOption(Libc.SOL_SOCKET, Libc.SO_SNDBUFFORCE, bytes);
        }
        else
        {
            Descriptor.SetOption(Libc.SOL_SOCKET, Libc.SO_SNDBUF, bytes);
        }
    }

    /// <summary>Lets receive and send calls run the driver's poll loop (5.11+; needs CAP_NET_ADMIN).</summary>
    /// <param name="microseconds">How long a call may poll.</param>
    /// <param name="budget">Packets per poll.</param>
    public void SetBusyPoll(int microseconds, int budget)
    {
        Descriptor.SetOption(Libc.SOL_SOCKET, Libc.SO_PREFER_BUSY_POLL, 1);
        Descriptor.SetOption(Libc.SOL_SOCKET, Libc.SO_BUSY_POLL, microseconds);
        Descriptor.SetOption(Libc.SOL_SOCKET, Libc.SO_BUSY_POLL_BUDGET, budget);
    }

    /// <summary>Tells the kernel that the TX ring has frames; does not wait and does not throw.</summary>
    /// <returns>
    /// EAGAIN, EBUSY, ENOBUFS: try again after looking at the rings. ENETDOWN: the device is down. ENXIO: not bound, or
    /// the device is gone. None does not mean that the ring is empty: the consumer index tells.
    /// </returns>
    [MethodImpl(MethodImplOptions.NoInlining)]
    public Errno KickTx() =>
        Libc.sendto(Descriptor, null, 0, Libc.MSG_DONTWAIT, null, 0) < 0 ? Result.LastErrno : Errno.None;

    /// <summary>Tells the kernel that the fill ring has chunks again; does not wait and does not throw.</summary>
    [MethodImpl(MethodImplOptions.NoInlining)]
    public Errno WakeRx() =>
        Libc.recvfrom(Descriptor, null, 0, Libc.MSG_DONTWAIT, null, null) < 0 ? Result.LastErrno : Errno.None;

    /// <inheritdoc/>
    public void Dispose() => Descriptor.Dispose();
}
