using Nf.Linux;
using Nf.SharedMemory.Broker;
using Nf.SharedMemory.Umems;

namespace Nf.Client;

// How a lease begins: new, or where the process before this one left it.
public sealed unsafe partial class XskLease
{
    /// <summary>Maps what the broker sent.</summary>
    /// <param name="broker">The connection.</param>
    /// <param name="lease">Its answer.</param>
    /// <param name="descriptors">Socket and memory; closed or owned afterwards.</param>
    /// <param name="isNew">False when a process before this one had it.</param>
    internal static XskLease Open(
        BrokerClient broker, in LeaseAnswer lease, List<FileDescriptor> descriptors, bool isNew)
    {
        MappedMemory? memory = null;
        MappedMemory? notes = null;
        try
        {
            UmemGeometry geometry = GeometryOf(lease);
            AfXdpSocket socket = AfXdpSocket.Adopt(descriptors[0]);
            LeaseAnswer granted = lease;
            if (lease.MemoryKind == LeaseMemoryKind.Own)
            {
                memory = MappedMemory.MapAnonymous((long)geometry.MappedBytes);
                memory.ExcludeFromFork();
                notes = MappedMemory.MapAnonymous(ChunkNotes.BytesFor(geometry.ChunkCount));
                socket.RegisterUmem(geometry.ToRegistration((ulong)memory.Address));
                granted = broker.Registered(lease.Lease);
            }
            else
            {
                (memory, notes) = MapFile(lease, descriptors[1], geometry);
                descriptors[1].Dispose();
            }

            var made = new XskLease(broker, granted, socket, memory, notes, geometry);
            made.FindChunks(isNew);
            made.Flush();
            return made;
        }
        catch
        {
            memory?.Dispose();
            notes?.Dispose();
            descriptors.ForEach(descriptor => descriptor.Dispose());
            broker.TryRelease(lease.Lease);
            throw;
        }
    }

    private static UmemGeometry GeometryOf(in LeaseAnswer lease)
    {
        IReadOnlyList<UmemFault> faults = UmemGeometry.Check(
            new UmemRequest
            {
                SizeBytes = lease.MemoryBytes,
                ChunkSizeBytes = lease.ChunkBytes,
                HeadroomBytes = lease.HeadroomBytes,
                Flags = lease.UmemFlags & ~IfXdp.XDP_UMEM_TX_METADATA_LEN,
                TxMetadataBytes = lease.TxMetadataBytes,
            },
            out UmemGeometry? geometry);
        return geometry ?? throw new BrokerException(
            Errno.EPROTO, $"a lease of impossible memory: {faults[0].Field} {faults[0].Message}");
    }

    private static (MappedMemory Memory, MappedMemory Notes) MapFile(
        in LeaseAnswer lease, FileDescriptor file, UmemGeometry geometry)
    {
        uint bytes = ChunkNotes.BytesFor(geometry.ChunkCount);
        MappedMemory memory = MappedMemory.Map(file, 0, (long)geometry.MappedBytes, MapAccess.ReadWrite);
        try
        {
            // Who leased it without this library may have wanted no notes, or few: then it cannot be taken up here.
            return lease.NotesBytes < bytes
                ? throw new BrokerException(Errno.EPROTO, $"{lease.NotesBytes} bytes of notes, {bytes} are needed")
                : (memory, MappedMemory.Map(file, (long)lease.NotesOffset, bytes, MapAccess.ReadWrite));
        }
        catch
        {
            memory.Dispose();
            throw;
        }
    }

    /// <summary>
    /// Finds out where every chunk is: what is in a ring is where the ring says, whatever the notes say. What is noted
    /// as the kernel's and in no ring, the kernel holds; or the process before this one died within a burst, and up to
    /// 64 chunks are lost for this lease. What that process had received and not given back is free.
    /// </summary>
    private void FindChunks(bool isNew)
    {
        if (!isNew)
        {
            for (uint i = _rings.Fill.Consumed; i != _rings.Fill.Submitted; i++)
            {
                Note(_rings.Fill[i], ChunkPlace.Fill);
            }

            for (uint i = 0; i < _rings.Rx.Level; i++)
            {
                Note(_rings.Rx[_rings.Rx.Released + i].addr, ChunkPlace.Fill);
            }

            for (uint i = _rings.Tx.Consumed; i != _rings.Tx.Submitted; i++)
            {
                Note(_rings.Tx[i].addr, ChunkPlace.Tx);
            }

            for (uint i = 0; i < _rings.Completion.Level; i++)
            {
                Note(_rings.Completion[_rings.Completion.Released + i], ChunkPlace.Tx);
            }
        }

        for (uint chunk = _geometry.ChunkCount; chunk-- > 0;)
        {
            if (isNew || _notes[chunk] is ChunkPlace.Free or ChunkPlace.Held)
            {
                MakeFree(chunk);
            }
        }
    }

    private void Note(ulong address, ChunkPlace place)
    {
        if (_geometry.TryGetChunkIndex(address, out uint chunk))
        {
            _notes[chunk] = place;
        }
    }
}
