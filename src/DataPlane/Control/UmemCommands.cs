using Nf.DataPlane.Memory;
using Nf.Linux;
using Nf.SharedMemory.Umems;
using Nf.V1;
using Umem = Nf.DataPlane.Memory.Umem;

namespace Nf.DataPlane.Control;

/// <summary>Creates and deletes UMEMs.</summary>
internal sealed unsafe class UmemCommands(Resources resources)
{
    /// <summary>
    /// Allocates, populates and locks the memory, and offers it to the kernel once, so that what the kernel refuses is
    /// refused now and not at the first bind.
    /// </summary>
    /// <exception cref="CommandFaultException">
    /// NAME_TAKEN, INVALID_SPEC, WORKER_CPU_UNKNOWN, NUMA_NODE_UNKNOWN, LIMIT_REACHED, MEMORY_EXHAUSTED,
    /// MEMLOCK_EXCEEDED, CAPABILITY_MISSING.
    /// </exception>
    internal V1.Umem Create(V1.Umem asked)
    {
        if (resources.Umems.TryGetValue(asked.Name, out UmemResource? present))
        {
            throw new CommandFaultException(
                "NAME_TAKEN",
                present.State == UmemState.Releasing
                    ? $"UMEM \"{asked.Name}\" is being released; the kernel still uses its memory"
                    : $"UMEM \"{asked.Name}\" exists",
                present.State == UmemState.Releasing ? Errno.EBUSY : Errno.EEXIST);
        }

        UmemGeometry geometry = GeometryOf(asked.Spec);
        Worker worker = resources.Workers.Place(asked.Spec.HasWorkerCpu ? asked.Spec.WorkerCpu : null);
        int slot = resources.UmemSlots.Take();
        UmemFiles? files = null;
        Umem? memory = null;
        try
        {
            files = CreateFiles(asked, geometry);
            resources.Segment.Umem(slot) = default;
            memory = Umem.Create(files, geometry, resources.UmemCounters(slot));
            OfferToKernel(memory);
            var umem = new UmemResource(asked, slot, worker, files, memory);
            resources.Store.Put(umem);
            resources.Umems.Add(umem.Name, umem);
            memory.PublishCounts();
            resources.Publish(umem);
            resources.Events.Add(
                EventKind.Created, "umem", umem.Name, $"{memory.ChunkCount} chunks of {geometry.ChunkSizeBytes} bytes");
            V1.Umem described = umem.Describe();
            described.Status.Ledger = umem.Audit();
            return described;
        }
        catch
        {
            memory?.Dispose();
            files?.Dispose();
            resources.UmemSlots.Give(slot);
            throw;
        }
    }

    /// <summary>Forgets a UMEM and unmaps its memory; it is RELEASING until the kernel has let go.</summary>
    /// <exception cref="CommandFaultException">UNKNOWN_RESOURCE, IN_USE.</exception>
    internal void Delete(string name)
    {
        UmemResource umem = resources.Umem(name);
        if (umem.State == UmemState.Releasing)
        {
            return;
        }

        // A socket that is being released is only waited for: its user asked for its end already.
        string users = string.Join(
            ", ", umem.Sockets.Where(socket => socket.State != XskState.Releasing).Select(socket => socket.Name));
        if (users.Length != 0)
        {
            throw new CommandFaultException("IN_USE", $"UMEM \"{name}\" is used by {users}", Errno.EBUSY);
        }

        resources.Store.Drop(umem);
        umem.State = UmemState.Releasing;
        resources.Publish(umem);
        TryFinishRelease(umem);
    }

    /// <summary>
    /// Ends the release of a UMEM when its last socket is released and the kernel has let go of every page.
    /// </summary>
    internal bool TryFinishRelease(UmemResource umem)
    {
        if (umem.State != UmemState.Releasing || umem.Sockets.Count != 0)
        {
            return false;
        }

        umem.Unmap();
        if (!KernelLetGo(umem.Files.Packets))
        {
            return false;
        }

        umem.Files.Dispose();
        resources.Umems.Remove(umem.Name);
        resources.UmemSlots.Give(umem.Slot);
        resources.Segment.Umem(umem.Slot) = default;
        resources.Events.Add(EventKind.Deleted, "umem", umem.Name, "released");
        return true;
    }

    /// <summary>The shape that a spec asks for; checked here again, because a command socket is a border too.</summary>
    internal static UmemGeometry GeometryOf(UmemSpec? spec)
    {
        if (spec is null)
        {
            throw new CommandFaultException("INVALID_SPEC", "spec: must be set", Errno.EINVAL);
        }

        IReadOnlyList<UmemFault> faults = UmemGeometry.Check(
            new UmemRequest
            {
                SizeBytes = spec.SizeBytes,
                ChunkSizeBytes = spec.ChunkSizeBytes,
                HeadroomBytes = spec.HeadroomBytes,
                Unaligned = spec.Unaligned,
                PageSize = ToHugePages(spec.PageSize),
                TxMetadataBytes = spec.TxMetadataBytes,
                TxSoftwareChecksum = spec.TxSoftwareChecksum,
            },
            out UmemGeometry? geometry);
        return geometry ?? throw new CommandFaultException(
            "INVALID_SPEC", string.Join("; ", faults.Select(fault => $"{fault.Field}: {fault.Message}")), Errno.EINVAL);
    }

    private static HugePageSize ToHugePages(PageSize size) => size switch
    {
        PageSize._2Mib => HugePageSize.Size2MiB,
        PageSize._1Gib => HugePageSize.Size1GiB,
        _ => HugePageSize.None,
    };

    private static UmemFiles CreateFiles(V1.Umem asked, UmemGeometry geometry)
    {
        try
        {
            return UmemFiles.Create(
                asked.Name,
                geometry,
                ToHugePages(asked.Spec.PageSize),
                asked.Spec.HasNumaNode ? (int)asked.Spec.NumaNode : null);
        }
        catch (LinuxException refusal) when (refusal.Call.StartsWith("mbind", StringComparison.Ordinal))
        {
            throw CommandFaultException.From("NUMA_NODE_UNKNOWN", $"numa_node {asked.Spec.NumaNode}", refusal);
        }
        catch (LinuxException refusal)
        {
            throw CommandFaultException.From(
                "MEMORY_EXHAUSTED", $"{geometry.SizeBytes} bytes of packet memory cannot be had", refusal);
        }
    }

    private static void OfferToKernel(Umem memory)
    {
        try
        {
            using AfXdpSocket probe = AfXdpSocket.Create();
            probe.RegisterUmem(memory.Geometry.ToRegistration((ulong)memory.Base));
        }
        catch (LinuxException refusal)
        {
            throw refusal.Errno switch
            {
                Errno.EPERM => CommandFaultException.From(
                    "CAPABILITY_MISSING", "the data plane needs CAP_NET_RAW for AF_XDP sockets", refusal),
                Errno.ENOBUFS => CommandFaultException.From(
                    "MEMLOCK_EXCEEDED",
                    "the memory is above RLIMIT_MEMLOCK and the data plane lacks CAP_IPC_LOCK",
                    refusal),
                Errno.ENOMEM => CommandFaultException.From("MEMORY_EXHAUSTED", "the kernel cannot pin it", refusal),
                _ => CommandFaultException.From("INVALID_SPEC", "the kernel refused the UMEM", refusal),
            };
        }
    }

    // A memfd takes the write seal only when nobody has it mapped writable and no page of it is pinned: the kernel's
    // own word that it is done with the memory.
    private static bool KernelLetGo(FileDescriptor packets)
    {
        try
        {
            MemFile.AddSeals(packets, MemFileSeals.Write);
            return true;
        }
        catch (LinuxException busy) when (busy.Errno == Errno.EBUSY)
        {
            return false;
        }
    }
}
