using Nf.Linux;
using Nf.SharedMemory.Rings;
using Nf.SharedMemory.Umems;

namespace Nf.SharedMemory.Broker;

/// <summary>What a LEASE may ask for; whether this client may have it is the policy's to say. Pure.</summary>
public static class LeaseRules
{
    /// <summary>Finds everything that is wrong with a request.</summary>
    /// <param name="request">As it was received.</param>
    /// <param name="descriptorCount">How many descriptors came with it.</param>
    /// <param name="geometry">The shape of the packet memory, or null when anything of it is wrong.</param>
    /// <returns>Texts that name field, value and rule; empty when the request is one.</returns>
    public static IReadOnlyList<string> Check(
        in LeaseRequest request, int descriptorCount, out UmemGeometry? geometry)
    {
        var faults = new List<string>();
        CheckFlags(request, descriptorCount, faults);
        CheckDevice(request, faults);
        CheckRings(request, faults);
        CheckMemory(request, faults);
        IReadOnlyList<UmemFault> wrong = UmemGeometry.Check(
            new UmemRequest
            {
                SizeBytes = request.MemoryBytes,
                ChunkSizeBytes = request.ChunkBytes,
                HeadroomBytes = request.HeadroomBytes,
                Flags = request.UmemFlags & ~IfXdp.XDP_UMEM_TX_METADATA_LEN,
                TxMetadataBytes = request.TxMetadataBytes,
            },
            out geometry);
        faults.AddRange(wrong.Select(fault => $"{fault.Field}: {fault.Message}"));
        return faults;
    }

    private static void CheckFlags(in LeaseRequest request, int descriptorCount, List<string> faults)
    {
        LeaseFlags flags = request.Flags;
        if ((flags & ~LeaseFlags.Known) != 0)
        {
            faults.Add($"flags 0x{(uint)flags:x}: the flags are 0x{(uint)LeaseFlags.Known:x}");
        }

        if ((flags & (LeaseFlags.ZeroCopy | LeaseFlags.Copy)) == (LeaseFlags.ZeroCopy | LeaseFlags.Copy))
        {
            faults.Add("flags: ZERO_COPY and COPY exclude each other");
        }

        if ((flags & (LeaseFlags.Native | LeaseFlags.Generic)) == (LeaseFlags.Native | LeaseFlags.Generic))
        {
            faults.Add("flags: NATIVE and GENERIC exclude each other");
        }

        int expected = (flags & LeaseFlags.NetworkNamespace) != 0 ? 1 : 0;
        if (descriptorCount != expected)
        {
            faults.Add($"{descriptorCount} descriptors: the flags say {expected}");
        }

        if (request.Reserved != 0)
        {
            faults.Add($"reserved {request.Reserved}: 0");
        }
    }

    private static void CheckDevice(in LeaseRequest request, List<string> faults)
    {
        string? name = request.Interface.Text;
        if (name is null)
        {
            faults.Add("interface: printable ASCII without '/', filled up with zeroes to 16 bytes");
        }
        else if ((name.Length == 0) == (request.Ifindex == 0))
        {
            faults.Add("interface, ifindex: one of them");
        }

        if (request.Ifindex > int.MaxValue)
        {
            faults.Add($"ifindex {request.Ifindex}: at most {int.MaxValue}");
        }

        // The kernel keeps 16 bits of it without a word.
        if (request.Queue > ushort.MaxValue)
        {
            faults.Add($"queue {request.Queue}: at most {ushort.MaxValue}");
        }

        if (request.KeepSeconds > BrokerProtocol.KeepSecondsMax)
        {
            faults.Add($"keep_seconds {request.KeepSeconds}: at most {BrokerProtocol.KeepSecondsMax}");
        }
    }

    private static void CheckRings(in LeaseRequest request, List<string> faults)
    {
        CheckRing("rx", request.RxEntries, faults);
        CheckRing("tx", request.TxEntries, faults);
        CheckRing("fill", request.FillEntries, faults);
        CheckRing("completion", request.CompletionEntries, faults);

        // Every frame that is sent reserves an entry of the completion ring first.
        if (request.CompletionEntries < request.TxEntries)
        {
            faults.Add($"completion {request.CompletionEntries}: at least tx ({request.TxEntries})");
        }
    }

    private static void CheckRing(string ring, uint entries, List<string> faults)
    {
        if (!RingSize.IsValid(entries))
        {
            faults.Add($"{ring} {entries}: a power of two, {RingSize.Min} to {RingSize.Max}");
        }
    }

    private static void CheckMemory(in LeaseRequest request, List<string> faults)
    {
        LeaseMemoryKind kind = request.MemoryKind;
        if (kind is not (LeaseMemoryKind.Service or LeaseMemoryKind.User or LeaseMemoryKind.Own))
        {
            faults.Add($"memory_kind {(uint)kind}: 1 SERVICE, 2 USER, 3 OWN");
            return;
        }

        bool user = kind == LeaseMemoryKind.User;
        if (user == (request.MemoryHandle == 0))
        {
            faults.Add($"memory_handle {request.MemoryHandle}: of an object for kind USER, else 0");
        }

        if (!user && request.MemoryOffset != 0)
        {
            faults.Add($"memory_offset {request.MemoryOffset}: 0 but for kind USER");
        }
        else if (request.MemoryOffset % UmemGeometry.PageBytes != 0)
        {
            faults.Add($"memory_offset {request.MemoryOffset}: a multiple of {UmemGeometry.PageBytes}");
        }

        if (request.MemoryBytes > BrokerProtocol.MemoryBytesMax)
        {
            faults.Add($"memory_bytes {request.MemoryBytes}: at most {BrokerProtocol.MemoryBytesMax}");
        }

        // Memory of a client is gone with it, and a socket without its memory is of no use to anybody.
        if (request.KeepSeconds != 0 && kind != LeaseMemoryKind.Service)
        {
            faults.Add($"keep_seconds {request.KeepSeconds}: 0 but for kind SERVICE");
        }

        if (request.NotesBytes != 0 && kind != LeaseMemoryKind.Service)
        {
            faults.Add($"notes_bytes {request.NotesBytes}: 0 but for kind SERVICE");
        }
        else if (request.NotesBytes > BrokerProtocol.NotesBytesMax)
        {
            faults.Add($"notes_bytes {request.NotesBytes}: at most {BrokerProtocol.NotesBytesMax}");
        }
    }
}
