using Nf.DataPlane.Control;
using Nf.Linux;
using Nf.SharedMemory.Broker;
using Nf.SharedMemory.Umems;

namespace Nf.DataPlane.Broker;

/// <summary>Carries out the requests of clients; every one is answered, at once.</summary>
internal sealed class BrokerRequests(
    Resources resources, LeaseTable leases, PolicyFile policy, LeaseGrants grants, ClientMemories memories,
    ulong generation)
{
    private readonly byte[] _buffer = new byte[BrokerProtocol.MessageBytesMax];

    /// <summary>Carries out a request.</summary>
    /// <param name="client">Who asks.</param>
    /// <param name="message">In good form.</param>
    /// <param name="descriptors">What came with it; what is left is the caller's to close.</param>
    /// <returns>False when its client is gone or does not read.</returns>
    internal bool Execute(BrokerConnection client, in BrokerMessage message, List<FileDescriptor> descriptors)
    {
        try
        {
            return Dispatch(client, message, descriptors);
        }
        catch (Exception failure) when (CommandReplies.TryFailed(failure)?.Fault is { } fault)
        {
            return Refuse(client, message.Header, (Errno)fault.Errno, fault.Message);
        }
    }

    /// <summary>Answers that a request failed.</summary>
    internal bool Refuse(BrokerConnection client, in BrokerHeader request, Errno errno, string text) => client.Send(
        _buffer.AsSpan(0, BrokerCodec.WriteFailure(_buffer, request.Type, request.Sequence, errno, text)));

    /// <summary>Tells who has a lease how it stands.</summary>
    internal bool Tell(BrokerConnection client, Lease lease) => client.Send(_buffer.AsSpan(0, BrokerCodec.Write(
        _buffer, (ushort)BrokerMessageType.LeaseState, 0,
        new LeaseStateEvent { Lease = lease.Id, State = lease.State }, lease.Reason)));

    /// <summary>Tells a client of an earlier life that this one serves it from here on.</summary>
    internal bool TellLife(BrokerConnection client) => client.Send(_buffer.AsSpan(0, BrokerCodec.Write(
        _buffer, (ushort)BrokerMessageType.Life, 0, new LifeEvent { Generation = generation })));

    private bool Dispatch(BrokerConnection client, in BrokerMessage message, List<FileDescriptor> descriptors)
    {
        BrokerHeader header = message.Header;
        switch (message.Type)
        {
            case BrokerMessageType.Hello:
                return Greet(client, header, message.Read<HelloRequest>());
            case BrokerMessageType.Lease:
                Charge(client);
                Lease made = Lend(client, message.Read<LeaseRequest>(), descriptors);
                return Answer(client, header, made, withDescriptors: true);
            case BrokerMessageType.Registered:
                Charge(client);
                Lease registered = leases.Find(client, message.Read<LeaseReference>().Lease);
                leases.Registered(registered);
                return Answer(client, header, registered, withDescriptors: false);
            case BrokerMessageType.TakeUp:
                Charge(client);
                Lease taken = leases.TakeUp(client, message.Read<TakeUpRequest>());
                return Answer(client, header, taken, withDescriptors: true);
            case BrokerMessageType.Release:
                leases.End(leases.Find(client, message.Read<LeaseReference>().Lease), "released by its client");
                return Done(client, header);
            case BrokerMessageType.Ping:
                return Done(client, header);
            default:
                memories.Execute(client, message, descriptors);
                return true;
        }
    }

    private bool Greet(BrokerConnection client, in BrokerHeader header, in HelloRequest hello)
    {
        if (client.IsGreeted)
        {
            throw new CommandFaultException("GREETED", "HELLO: once, as the first message", Errno.EALREADY);
        }

        if (!hello.Token.IsZero)
        {
            client.Grant = grants.Redeem(hello.Token, client.User.Uid);
        }

        IReadOnlyList<PolicyRule> rules = policy.Policy.About(client.Peer);
        client.IsGreeted = true;
        var answer = new HelloAnswer
        {
            Generation = generation,
            MemoryBytesMax = Math.Max(
                rules.Select(rule => rule.MemoryBytesMax).DefaultIfEmpty().Max(), client.Grant?.MemoryBytesMax ?? 0),
            MemoryBytes = client.User.MemoryBytes,
            LeaseCountMax = Math.Max(
                rules.Select(rule => rule.LeaseCountMax).DefaultIfEmpty().Max(), client.Grant is null ? 0u : 1u),
            LeaseCount = (uint)client.User.LeaseCount,
            RingEntriesMax = SharedMemory.Rings.RingSize.Max,
            HasToken = client.Grant is null ? 0u : 1u,
        };
        return client.Send(_buffer.AsSpan(0, BrokerCodec.Write(
            _buffer, (ushort)(header.Type | BrokerProtocol.AnswerBit), header.Sequence, answer)));
    }

    private Lease Lend(BrokerConnection client, in LeaseRequest asked, List<FileDescriptor> descriptors)
    {
        IReadOnlyList<string> faults = LeaseRules.Check(asked, descriptors.Count, out UmemGeometry? geometry);
        if (faults.Count != 0)
        {
            throw new CommandFaultException("INVALID_SPEC", string.Join("; ", faults), Errno.EINVAL);
        }

        using NetworkNamespace network = NetworkOf(asked, descriptors);
        XskDevice device = XskDevice.Find(network, LeaseBinder.SpecOf(asked));
        Allow(client, asked, network, device);
        CheckQueue(asked, network.Identity, device);
        if (leases.All.Count >= BrokerLimits.LeaseCountMax)
        {
            throw new CommandFaultException(
                "LIMIT_REACHED", $"there are {leases.All.Count} leases, at most {BrokerLimits.LeaseCountMax}",
                Errno.ENOBUFS);
        }

        IClientMemory? memory = asked.MemoryKind == LeaseMemoryKind.User
            ? memories.Find(client, asked.MemoryHandle)
            : null;
        if (memory is not null
            && (asked.MemoryOffset > memory.Bytes || geometry!.SizeBytes > memory.Bytes - asked.MemoryOffset))
        {
            throw new CommandFaultException(
                "INVALID_SPEC",
                $"memory_offset {asked.MemoryOffset}, memory_bytes {geometry!.SizeBytes}: the object has "
                + $"{memory.Bytes}",
                Errno.EINVAL);
        }

        Lease lease = leases.Create(client, asked, geometry!, device, network, memory);
        if (client.Grant is { } grant)
        {
            grant.IsUsed = true;
        }

        return lease;
    }

    private static NetworkNamespace NetworkOf(in LeaseRequest asked, List<FileDescriptor> descriptors)
    {
        if ((asked.Flags & LeaseFlags.NetworkNamespace) == 0)
        {
            return NetworkNamespace.OpenCurrent();
        }

        // A descriptor of something else stays in the list, and this throws.
        NetworkNamespace network = NetworkNamespace.Adopt(descriptors[0]);
        descriptors.Clear();
        return network;
    }

    private void Allow(BrokerConnection client, in LeaseRequest asked, NetworkNamespace network, XskDevice device)
    {
        var question = new PolicyQuestion
        {
            Interface = device.Link.Name,
            Queue = asked.Queue,
            Namespace = RelationOf(client, network),
            MemoryKind = asked.MemoryKind,
            MemoryBytes = asked.MemoryBytes + asked.NotesBytes,
            KeepSeconds = asked.KeepSeconds,
            LeaseCount = client.User.LeaseCount,
            MemoryBytesInUse = client.User.MemoryBytes,
        };
        if (client.Grant is { } grant)
        {
            grant.Require(question, network.Identity, device.Link.Ifindex);
        }
        else
        {
            policy.Policy.Require(client.Peer, question);
        }
    }

    private static PolicyNamespaces RelationOf(BrokerConnection client, NetworkNamespace network)
    {
        using NetworkNamespace own = NetworkNamespace.OpenCurrent();
        if (own.Identity == network.Identity)
        {
            return PolicyNamespaces.DataPlane;
        }

        try
        {
            using NetworkNamespace theirs = client.OpenNetwork();
            return theirs.Identity == network.Identity ? PolicyNamespaces.Client : PolicyNamespaces.Any;
        }
        catch (LinuxException)
        {
            // Where it cannot be told, it is not its own.
            return PolicyNamespaces.Any;
        }
    }

    // The kernel refuses a second socket of another memory too; this says who has the first.
    private void CheckQueue(in LeaseRequest asked, FileIdentity network, XskDevice device)
    {
        uint queue = asked.Queue;
        if (queue >= device.QueueCount)
        {
            throw new CommandFaultException(
                "QUEUE_OUT_OF_RANGE",
                $"queue {queue}: {device.Link.Name} has {device.QueueCount} receive queue(s), "
                + $"0 to {device.QueueCount - 1}",
                Errno.EINVAL);
        }

        int ifindex = device.Link.Ifindex;
        string? who = leases.On(network, ifindex, queue) is { } lease ? $"lease {lease.Id}"
            : resources.Sockets.Values.FirstOrDefault(socket => socket.NetworkIdentity == network
                && socket.Queue == queue && socket.Device?.Ifindex == ifindex) is { } socket
                ? $"socket \"{socket.Name}\" of the data plane"
                : null;
        if (who is not null)
        {
            throw new CommandFaultException(
                "QUEUE_TAKEN", $"queue {queue} of {device.Link.Name}: {who} has it", Errno.EBUSY);
        }
    }

    private static void Charge(BrokerConnection client)
    {
        if (!client.User.Leases.TryTake(Clock.MonotonicNs()))
        {
            throw new CommandFaultException(
                "RATE_LIMITED",
                $"uid {client.User.Uid}: {BrokerLimits.LeasesPerSecond} requests per second that make or bind sockets",
                Errno.EAGAIN);
        }
    }

    private bool Answer(BrokerConnection client, in BrokerHeader header, Lease lease, bool withDescriptors)
    {
        int length = BrokerCodec.Write(
            _buffer, (ushort)(header.Type | BrokerProtocol.AnswerBit), header.Sequence, lease.Answer);
        Span<byte> message = _buffer.AsSpan(0, length);
        return !withDescriptors ? client.Send(message)
            : lease.MemoryFile is { } file ? client.Send(message, lease.Socket.Descriptor, file)
            : client.Send(message, lease.Socket.Descriptor);
    }

    private bool Done(BrokerConnection client, in BrokerHeader header) => client.Send(_buffer.AsSpan(0,
        BrokerCodec.Write(_buffer, (ushort)(header.Type | BrokerProtocol.AnswerBit), header.Sequence)));
}
