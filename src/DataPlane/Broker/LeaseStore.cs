using System.Runtime.InteropServices;
using Google.Protobuf;
using Nf.DataPlane.Control;
using Nf.Internal.V1;
using Nf.Linux;
using Nf.SharedMemory.Broker;
using Nf.SharedMemory.Store;

namespace Nf.DataPlane.Broker;

/// <summary>What the keeper has of leases.</summary>
/// <param name="store">The store of this life.</param>
internal sealed class LeaseStore(ResourceStore store)
{
    private const uint Version = 1;

    /// <summary>Leaves a lease for the next life.</summary>
    /// <exception cref="StoreException">The keeper has no room.</exception>
    internal void Put(Lease lease)
    {
        var stored = new StoredLease
        {
            Version = Version,
            Request = BytesOf(lease.Asked),
            Answer = BytesOf(lease.Answer),
            Uid = lease.User.Uid,
            Gid = lease.Gid,
            Pid = (uint)lease.Pid,
            EndsNs = (ulong)lease.EndsNs,
            HasMemoryFile = lease.MemoryFile is not null,
            HasConnection = lease.Holder is not null,
            TokenName = lease.TokenName,
        };
        List<FileDescriptor> descriptors = [lease.Network.Descriptor, lease.Socket.Descriptor];
        if (lease.MemoryFile is { } file)
        {
            descriptors.Add(file);
        }

        if (lease.Holder is { } holder)
        {
            descriptors.Add(holder.Descriptor);
        }

        store.Put(ResourceStore.LeasePrefix + lease.Name, stored.ToByteArray(), CollectionsMarshal.AsSpan(descriptors));
    }

    /// <summary>Has the keeper forget a lease, its descriptors with it.</summary>
    internal void Drop(Lease lease) => store.Drop(ResourceStore.LeasePrefix + lease.Name);

    /// <summary>Makes a lease of what an earlier life left.</summary>
    /// <param name="entry">Its descriptors become the lease's, but the connection's.</param>
    /// <param name="users">All users.</param>
    /// <param name="connection">The connection of who has it; null when nobody has.</param>
    /// <exception cref="InvalidDataException">It is no lease; the descriptors stay the caller's.</exception>
    internal static Lease Read(StoreEntry entry, BrokerUsers users, out FileDescriptor? connection)
    {
        StoredLease stored = StoredLease.Parser.ParseFrom(entry.Metadata);
        int expected = 2 + (stored.HasMemoryFile ? 1 : 0) + (stored.HasConnection ? 1 : 0);
        if (stored.Version != Version || entry.Descriptors.Count != expected)
        {
            throw new InvalidDataException(
                $"version {stored.Version} with {entry.Descriptors.Count} descriptors, expected {Version} with "
                + $"{expected}");
        }

        LeaseAnswer answer = ValueOf<LeaseAnswer>(stored.Answer);
        connection = stored.HasConnection ? entry.Descriptors[^1] : null;
        var lease = new Lease(
            answer.Lease, users.Get(stored.Uid), NetworkNamespace.Adopt(entry.Descriptors[0]),
            AfXdpSocket.Adopt(entry.Descriptors[1]))
        {
            Asked = ValueOf<LeaseRequest>(stored.Request),
            Gid = stored.Gid,
            Pid = (int)stored.Pid,
            MemoryFile = stored.HasMemoryFile ? entry.Descriptors[2] : null,
            EndsNs = (long)stored.EndsNs,
            TokenName = stored.TokenName,
        };
        lease.Answer = answer;
        return lease;
    }

    private static ByteString BytesOf<T>(in T value)
        where T : unmanaged => ByteString.CopyFrom(MemoryMarshal.AsBytes(new ReadOnlySpan<T>(in value)));

    private static T ValueOf<T>(ByteString bytes)
        where T : unmanaged => MemoryMarshal.TryRead(bytes.Span, out T value)
            ? value
            : throw new InvalidDataException($"{typeof(T).Name} of {bytes.Length} bytes");
}
