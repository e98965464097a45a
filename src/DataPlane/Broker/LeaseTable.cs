using System.Security.Cryptography;
using Nf.DataPlane.Control;
using Nf.Linux;
using Nf.SharedMemory.Broker;
using Nf.SharedMemory.Umems;
using Nf.V1;
using LeaseState = Nf.SharedMemory.Broker.LeaseState;

namespace Nf.DataPlane.Broker;

/// <summary>All leases: lent, kept for a client that is gone, taken up again, ended. Control thread only.</summary>
/// <remarks>
/// What is lent is with the keeper before the client hears of it, and out of the XSKMAP before the keeper forgets it.
/// </remarks>
internal sealed class LeaseTable(
    Resources resources, LeaseBinder binder, LeaseStore store, BrokerUsers users, Action devicesChanged)
{
    private const string Type = "lease";

    private readonly SortedDictionary<ulong, Lease> _leases = [];
    private ulong _lastId;

    /// <summary>All of them, by number.</summary>
    internal IReadOnlyCollection<Lease> All => _leases.Values;

    /// <summary>Told when a lease that somebody has is in another state.</summary>
    internal event Action<Lease>? Changed;

    /// <summary>Lends a socket.</summary>
    /// <param name="holder">Who asked.</param>
    /// <param name="asked">In good form, and allowed.</param>
    /// <param name="geometry">Of the packet memory.</param>
    /// <param name="device">The interface.</param>
    /// <param name="network">Where it is; stays the caller's.</param>
    /// <param name="memory">The object of kind USER.</param>
    /// <exception cref="CommandFaultException">Nothing is left behind.</exception>
    internal Lease Create(
        BrokerConnection holder, LeaseRequest asked, UmemGeometry geometry, XskDevice device,
        Linux.NetworkNamespace network, IClientMemory? memory)
    {
        ulong id = _lastId + 1;
        Lease lease = binder.Make(
            (socket, file) => new Lease(id, holder.User, network.Duplicate(), socket)
            {
                Asked = asked,
                Gid = holder.Peer.Credentials.Gid,
                MemoryFile = file,
                Memory = memory,
                TokenName = holder.Grant?.Name ?? "",
            },
            asked, geometry, device, network, memory);
        _lastId = id;
        RandomNumberGenerator.Fill(lease.Answer.Secret);
        Take(lease, holder);
        Add(lease);
        try
        {
            store.Put(lease);
        }
        catch
        {
            End(lease, "the keeper did not take it");
            throw;
        }

        if (memory is not null)
        {
            lease.LetGo = () => End(lease, "the client took its memory away");
            memory.AddUser(lease.LetGo);
        }

        resources.Events.Add(
            EventKind.Created, Type, lease.Name,
            $"queue {asked.Queue} of {lease.Interface} for uid {lease.User.Uid}, pid {lease.Pid}", Attributes(lease));
        devicesChanged();
        return lease;
    }

    /// <summary>The client has registered its memory: binds the socket.</summary>
    /// <exception cref="CommandFaultException">The lease stays as it is.</exception>
    internal void Registered(Lease lease)
    {
        if (lease.State != LeaseState.Registering)
        {
            throw new CommandFaultException(
                "LEASE_BOUND", $"lease {lease.Id} is {lease.State}, REGISTERED is for one that is Registering",
                Errno.EALREADY);
        }

        binder.BindRegistered(lease);
        store.Put(lease);
        Tell(lease, LeaseState.Registering, "");
    }

    /// <summary>A lease that is held by a connection.</summary>
    /// <exception cref="CommandFaultException">UNKNOWN_LEASE (ENOENT).</exception>
    internal Lease Find(BrokerConnection holder, ulong id) =>
        _leases.TryGetValue(id, out Lease? lease) && lease.Holder == holder
            ? lease
            : throw new CommandFaultException(
                "UNKNOWN_LEASE", $"lease {id}: this connection has none of that number", Errno.ENOENT);

    /// <summary>A lease of any connection; null for none.</summary>
    internal Lease? TryFind(ulong id) => _leases.GetValueOrDefault(id);

    /// <summary>Who has a queue; null for no lease.</summary>
    internal Lease? On(FileIdentity network, int ifindex, uint queue) => _leases.Values.FirstOrDefault(
        lease => lease.NetworkIdentity == network && lease.Answer.Ifindex == ifindex && lease.Answer.Queue == queue);

    /// <summary>Gives a lease that is kept to who proves that it was its own.</summary>
    /// <exception cref="CommandFaultException">UNKNOWN_LEASE (ENOENT), LEASE_HELD (EBUSY).</exception>
    internal Lease TakeUp(BrokerConnection holder, in TakeUpRequest asked)
    {
        // One answer for a wrong number, a wrong secret and a wrong user, so that nobody learns what there is.
        if (!_leases.TryGetValue(asked.Lease, out Lease? lease) || lease.User != holder.User
            || !CryptographicOperations.FixedTimeEquals(lease.Answer.Secret, asked.Secret))
        {
            throw new CommandFaultException(
                "UNKNOWN_LEASE", $"lease {asked.Lease}: there is none of that number and secret", Errno.ENOENT);
        }

        if (lease.Holder is { } other)
        {
            throw new CommandFaultException(
                "LEASE_HELD", $"lease {lease.Id}: process {other.Peer.Credentials.Pid} has it", Errno.EBUSY);
        }

        lease.EndsNs = 0;
        Take(lease, holder);
        store.Put(lease);
        resources.Events.Add(
            EventKind.StateChanged, Type, lease.Name, $"taken up by pid {lease.Pid}", Attributes(lease));
        return lease;
    }

    /// <summary>Its connection is over: it is kept for a while if that was asked for, or ends.</summary>
    internal void Gone(Lease lease, long nowNs)
    {
        lease.Holder = null;
        if (lease.Asked.KeepSeconds == 0 || lease.State is LeaseState.Registering or LeaseState.DeviceLost)
        {
            End(lease, "its client is gone");
            return;
        }

        lease.EndsNs = nowNs + (lease.Asked.KeepSeconds * 1_000_000_000L);
        store.Put(lease);
        resources.Events.Add(
            EventKind.StateChanged, Type, lease.Name,
            $"its client is gone, it is kept for {lease.Asked.KeepSeconds} s", Attributes(lease));
    }

    /// <summary>Ends a lease: steering back to the stack, nothing left here and with the keeper.</summary>
    internal void End(Lease lease, string why)
    {
        if (!_leases.Remove(lease.Id))
        {
            return;
        }

        binder.Unfeed(lease);
        store.Drop(lease);
        if (lease is { Memory: { } memory, LetGo: { } letGo })
        {
            memory.RemoveUser(letGo);
        }

        lease.User.LeaseCount--;
        lease.User.MemoryBytes -= lease.MemoryBytes;
        lease.Answer.State = LeaseState.Released;
        lease.Reason = why;
        Changed?.Invoke(lease);
        lease.Holder?.Leases.Remove(lease);
        lease.Holder = null;
        resources.Events.Add(EventKind.Deleted, Type, lease.Name, why, Attributes(lease));
        lease.Dispose();
        devicesChanged();
    }

    /// <summary>Ends what was kept for long enough.</summary>
    internal void Tick(long nowNs)
    {
        foreach (Lease lease in _leases.Values.Where(l => l.EndsNs != 0 && l.EndsNs <= nowNs).ToList())
        {
            End(lease, "nobody took it up");
        }
    }

    /// <summary>The interface of a lease is in another state.</summary>
    internal void SetState(Lease lease, LeaseState state, string reason)
    {
        LeaseState before = lease.State;
        if (before != state)
        {
            lease.Answer.State = state;
            store.Put(lease);
            Tell(lease, before, reason);
            Changed?.Invoke(lease);
        }
    }

    /// <summary>Takes over what an earlier life left; its memory objects know nothing of it any more.</summary>
    /// <exception cref="CommandFaultException">It cannot be fed.</exception>
    internal void Adopt(Lease lease)
    {
        if (_leases.ContainsKey(lease.Id))
        {
            throw new InvalidDataException($"lease {lease.Id} has been adopted already");
        }

        if (lease.State is LeaseState.Bound or LeaseState.DeviceDown)
        {
            binder.Readopt(lease);
        }

        _lastId = Math.Max(_lastId, lease.Id);
        Add(lease);
    }

    /// <summary>Everything ends: what the kernel would keep is taken back.</summary>
    internal void EndAll()
    {
        foreach (Lease lease in _leases.Values.ToList())
        {
            End(lease, "the data plane ends");
        }

        users.ForgetIdle();
    }

    /// <summary>A life ends and its process with it, or another one plays it: descriptors are only closed here.
    /// </summary>
    internal void LetGo()
    {
        foreach (Lease lease in _leases.Values)
        {
            lease.Dispose();
        }

        _leases.Clear();
    }

    private static (string Key, string Value)[] Attributes(Lease lease) =>
    [
        ("interface", lease.Interface), ("queue", $"{lease.Answer.Queue}"), ("uid", $"{lease.User.Uid}"),
        ("pid", $"{lease.Pid}"), ("state", lease.State.ToString()),
    ];

    private static void Take(Lease lease, BrokerConnection holder)
    {
        lease.Holder = holder;
        lease.Pid = holder.Peer.Credentials.Pid;
        holder.Leases.Add(lease);
    }

    private void Add(Lease lease)
    {
        _leases.Add(lease.Id, lease);
        lease.User.LeaseCount++;
        lease.User.MemoryBytes += lease.MemoryBytes;
    }

    private void Tell(Lease lease, LeaseState before, string reason)
    {
        lease.Reason = reason;
        resources.Events.Add(
            EventKind.StateChanged, Type, lease.Name,
            reason.Length == 0 ? $"{lease.State}" : $"{lease.State}: {reason}",
            [.. Attributes(lease), ("from", before.ToString()), ("to", lease.State.ToString())]);
    }
}
