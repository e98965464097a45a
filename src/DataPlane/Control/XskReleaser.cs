using Nf.DataPlane.Node;
using Nf.DataPlane.Ports;
using Nf.DataPlane.Xdp;
using Nf.Linux;
using Nf.SharedMemory.Rings;
using Nf.SharedMemory.Segments;
using Nf.V1;

namespace Nf.DataPlane.Control;

/// <summary>
/// Ends bindings. Closing is quick, but the kernel lets go of a queue, and of the chunks it holds, in a work queue of
/// its own: until then the chunks are nobody's to use.
/// </summary>
internal sealed class XskReleaser(Resources resources)
{
    /// <summary>How long an unbind waits for the kernel before it answers; it is a matter of milliseconds as a
    /// rule.</summary>
    private const int FinishSoonMs = 200;

    /// <summary>How long a kernel that cannot say whether a queue is free (before 6.15) is given.</summary>
    private const long SilentKernelNs = 1_000_000_000;

    /// <summary>How long a queue may look taken, by somebody else perhaps, before its chunks are taken back.</summary>
    private const long GiveUpNs = 10_000_000_000;

    /// <summary>Unmaps the rings, closes the socket, takes it out of the XSKMAP and gives the program back.</summary>
    internal void Begin(XskResource socket, XskBinding binding)
    {
        XskResource? heir = socket.Umem.Sockets.Find(
            other => other != socket && other.IsBound && ReferenceEquals(other.Binding!.Pool, binding.Pool));
        CountUnread(socket, binding.Port);
        if (heir is not null)
        {
            Inherit(socket, heir, binding);
        }
        else
        {
            socket.ReleasingPool = binding.Pool;
            socket.ReleasingSinceNs = Clock.MonotonicNs();
            socket.ReleasingIfindex = binding.Program.Ifindex;
            binding.Program.ClearSocket((uint)socket.Queue);
        }

        socket.Binding = null;
        binding.Dispose();
        ReleaseShared(binding.Program, binding.BusyPollDevice, socket.Asked.Spec.BusyPoll);
    }

    /// <summary>Ends a binding for good, when the data plane itself ends.</summary>
    internal void EndBinding(XskResource socket)
    {
        if (socket.Binding is { } binding)
        {
            socket.Umem.Worker.Invoke(() => socket.Umem.Worker.Detach(binding.Port));
            Begin(socket, binding);
        }
    }

    /// <summary>Waits a little for the kernel to let go; what takes longer is finished by <see cref="TryFinish"/>
    /// later.</summary>
    internal void FinishSoon(XskResource socket)
    {
        using var pause = new ManualResetEventSlim();
        long deadline = Clock.MonotonicNs() + (FinishSoonMs * 1_000_000L);
        for (int waitMs = 1; !TryFinish(socket); waitMs = Math.Min(2 * waitMs, 20))
        {
            if (Clock.MonotonicNs() >= deadline)
            {
                return;
            }

            pause.Wait(waitMs);
        }
    }

    /// <summary>Takes back the chunks of a pool that the kernel has let go of, and forgets an unbound socket.</summary>
    /// <returns>True when nothing is left to be done.</returns>
    internal bool TryFinish(XskResource socket)
    {
        if (socket.ReleasingPool is { } pool)
        {
            if (!IsReleased(socket))
            {
                return false;
            }

            Reclaim(socket.Umem, pool);
            socket.ReleasingPool = null;
        }

        if (socket.State == XskState.Releasing)
        {
            Forget(socket);
        }

        return true;
    }

    private void Forget(XskResource socket)
    {
        resources.Sockets.Remove(socket.Name);
        socket.Umem.Sockets.Remove(socket);
        socket.Network.Dispose();
        resources.Segment.Port(socket.Slot) = default;
        resources.PortSlots.Give(socket.Slot);
        resources.Events.Add(EventKind.Deleted, "xsk_socket", socket.Name, "released");
    }

    // Frames that the kernel had received and no worker looked at.
    private static void CountUnread(XskResource socket, XskPort port)
    {
        uint unread = port.Rx.Level;
        if (unread == 0 || unread > port.Rx.Size)
        {
            return;
        }

        socket.Umem.Worker.Invoke(() =>
        {
            port.Traffic.RxPackets += unread;
            port.Drops[(int)DropReason.Teardown] += unread;
        });
    }

    // The pool of a queue lives as long as any socket on it: its rings are mapped through the heir from now on, and the
    // XSKMAP names the heir.
    private static void Inherit(XskResource socket, XskResource heir, XskBinding binding)
    {
        XskRings rings = heir.Binding!.Rings;
        try
        {
            ProducerRing<ulong> fill = rings.Fill(new RingSize(binding.Pool.Fill.Size));
            ConsumerRing<ulong> completion = rings.Completion(new RingSize(binding.Pool.Completion.Size));
            socket.Umem.Worker.Invoke(() => binding.Pool.Remap(fill, completion));
        }
        catch (LinuxException gone) when (gone.Errno is Errno.EBUSY or Errno.ENXIO)
        {
            // The device is gone, and nobody maps rings of it any more. The heir is told so next; until then its worker
            // looks at the mappings there are.
            rings.TakeOver(binding.Rings);
        }

        binding.Program.SetSocket((uint)socket.Queue, heir.Binding.Socket);
    }

    /// <summary>Gives back what sockets of an interface have in common; the last one takes it with it.</summary>
    internal void ReleaseShared(InterfaceProgram program, DeviceBusyPoll? busyPoll, V1.BusyPoll? wish)
    {
        // Forgotten by the keeper while it is still attached here, so that no successor adopts a detached one.
        if (program.UserCount == 1)
        {
            resources.Store.Drop(program);
        }

        resources.Programs.Release(program);
        if (busyPoll is not null && wish is not null)
        {
            resources.BusyPoll.Release(busyPoll, wish);
        }
    }

    /// <summary>Takes back the chunks of a pool that the kernel has let go of.</summary>
    internal void Reclaim(UmemResource umem, XskPool pool)
    {
        umem.Worker.Invoke(() =>
        {
            umem.Memory.Reclaim(pool.Id);
            pool.Hold(-(int)pool.FillHeld, -(int)pool.TxHeld);
            umem.Memory.PoolCount--;
            umem.Memory.PublishCounts();
        });
        resources.PoolIds.Give(pool.Id);
    }

    private static bool IsReleased(XskResource socket)
    {
        long age = Clock.MonotonicNs() - socket.ReleasingSinceNs;
        return age >= GiveUpNs || socket.Network.Run(() =>
        {
            using var route = new RouteNetlink();
            if (route.FindLink(socket.ReleasingIfindex) is null)
            {
                return true;
            }

            using NetdevNetlink? netdev = NetdevNetlink.TryOpen();
            IReadOnlyList<NetdevQueue>? queues = netdev?.GetQueues(socket.ReleasingIfindex);
            return queues is null
                ? age >= SilentKernelNs
                : !queues.Any(queue => queue.Id == socket.Queue && queue.HasXsk);
        });
    }
}
