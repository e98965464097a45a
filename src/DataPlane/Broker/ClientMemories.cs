using System.Numerics;
using Nf.DataPlane.UserMemories;
using Nf.Linux;
using Nf.SharedMemory.Broker;

namespace Nf.DataPlane.Broker;

/// <summary>The memory objects of all connections: messages become calls of a <see cref="UserMemoryTable"/>.</summary>
/// <remarks>They end with the life: the next one tells its clients (LIFE), and knows no handle of the last.</remarks>
/// <param name="control">The control thread.</param>
/// <param name="policy">What a client may have.</param>
internal sealed class ClientMemories(ControlThread control, PolicyFile policy) : IDisposable
{
    // Of four ticks a second; the registry wants one.
    private const uint TicksPerLook = 4;

    private readonly Dictionary<BrokerConnection, Objects> _objects = [];
    private readonly byte[] _buffer = new byte[BrokerProtocol.MessageBytesMax];
    private UserMemoryRegistry? _registry;
    private uint _ticks;

    /// <summary>The active object of a handle, for a lease.</summary>
    /// <exception cref="CommandFaultException">ENOENT; EAGAIN while it is being acquired; its failure.</exception>
    internal IClientMemory Find(BrokerConnection owner, uint handle)
    {
        UserMemory memory = Of(owner).Table.Find(handle);
        if (memory.File is null)
        {
            throw new CommandFaultException(
                "NOT_A_FILE", $"memory_handle {handle}: only its owner can register it (kind OWN)", Errno.EOPNOTSUPP);
        }

        return Acquire(owner, memory).IsAgain
            ? throw new CommandFaultException(
                "MEMORY_NOT_ACTIVE", $"memory_handle {handle}: is being acquired; MEMORY_STATE tells when it is active",
                Errno.EAGAIN)
            : new ClientMemory(memory);
    }

    /// <summary>Carries out a request of the MEMORY_… kind and answers it.</summary>
    /// <param name="owner">Who asked.</param>
    /// <param name="message">In good form.</param>
    /// <param name="descriptors">What came with it; what is not taken out is the caller's to close.</param>
    /// <exception cref="CommandFaultException">Why it is refused.</exception>
    internal void Execute(BrokerConnection owner, in BrokerMessage message, List<FileDescriptor> descriptors)
    {
        if (message.Type == BrokerMessageType.MemoryCreate)
        {
            Answer(owner, message.Header, Create(owner, message.Read<MemoryCreateRequest>(), descriptors));
            return;
        }

        uint handle = message.Read<MemoryReference>().Handle;
        Objects objects = Of(owner);
        UserMemory memory = objects.Table.Find(handle);
        switch (message.Type)
        {
            case BrokerMessageType.MemoryAcquire:
                Acquire(owner, memory);
                break;
            case BrokerMessageType.MemoryRelease:
                memory.Release();
                break;
            case BrokerMessageType.MemoryExport:
                using (FileDescriptor file = memory.Export())
                {
                    Answer(owner, message.Header, AnswerOf(handle, memory), file);
                    return;
                }

            case BrokerMessageType.MemoryClose:
                objects.Handles.Remove(memory);
                objects.Table.Close(handle);
                Answer(owner, message.Header, new MemoryAnswer { Handle = handle });
                return;
        }

        Answer(owner, message.Header, AnswerOf(handle, memory));
    }

    /// <summary>A connection is over, and its handles with it.</summary>
    internal void Closed(BrokerConnection owner)
    {
        if (_objects.Remove(owner, out Objects? objects))
        {
            objects.Table.Dispose();
        }
    }

    /// <summary>What only time tells; four times a second.</summary>
    internal void Tick()
    {
        if (++_ticks % TicksPerLook == 0)
        {
            _registry?.Tick();
        }
    }

    public void Dispose()
    {
        foreach (BrokerConnection owner in _objects.Keys.ToArray())
        {
            Closed(owner);
        }

        _registry?.Dispose();
    }

    private MemoryAnswer Create(
        BrokerConnection owner, in MemoryCreateRequest asked, List<FileDescriptor> descriptors)
    {
        if ((asked.Descriptors & ~MemoryDescriptors.Known) != 0
            || BitOperations.PopCount((uint)asked.Descriptors) != descriptors.Count)
        {
            throw new CommandFaultException(
                "INVALID_SPEC",
                $"descriptors 0x{(uint)asked.Descriptors:x}: {descriptors.Count} came with the message, and they are "
                + "memfd 0x1, userfaultfd 0x2 and pidfd 0x4, in this order",
                Errno.EINVAL);
        }

        var taken = new Queue<FileDescriptor>(descriptors);
        descriptors.Clear();
        FileDescriptor? Next(MemoryDescriptors role, MemoryDescriptors present) =>
            (present & role) != 0 ? taken.Dequeue() : null;
        Objects objects = Of(owner);
        uint handle = objects.Table.Create(
            new UserMemoryRequest(asked.Address, asked.Bytes, (UserMemoryFlags)asked.Flags, asked.FileOffset),
            new UserMemoryDescriptors
            {
                File = Next(MemoryDescriptors.MemoryFile, asked.Descriptors),
                Userfault = Next(MemoryDescriptors.UserFaultFd, asked.Descriptors),
                Process = Next(MemoryDescriptors.PidFd, asked.Descriptors),
            });
        UserMemory memory = objects.Table.Find(handle);
        objects.Handles.Add(memory, handle);
        return AnswerOf(handle, memory);
    }

    private AcquireAnswer Acquire(BrokerConnection owner, UserMemory memory)
    {
        // Pages that are populated here count as the data plane's, so they are bounded for each user.
        ulong most = Math.Max(
            policy.Policy.About(owner.Peer).Select(rule => rule.MemoryBytesMax).DefaultIfEmpty().Max(),
            owner.Grant?.MemoryBytesMax ?? 0);
        ulong held = _objects.Where(pair => pair.Key.User == owner.User)
            .SelectMany(pair => pair.Value.Handles.Keys).Where(one => one.IsHeld)
            .Aggregate(0ul, (sum, one) => sum + one.Size);
        if (!memory.IsHeld && (held > most || memory.Size > most - held))
        {
            throw new CommandFaultException(
                "QUOTA_EXCEEDED",
                $"memory of {memory.Size} bytes: uid {owner.User.Uid} has {held} active, at most {most}",
                Errno.ENOBUFS);
        }

        AcquireAnswer answer = memory.Acquire();
        return answer.IsActive || answer.IsAgain
            ? answer
            : throw new CommandFaultException(
                "MEMORY_FAILED", $"memory: {answer.Errno} when it was acquired; MEMORY_RELEASE forgets it",
                answer.Errno);
    }

    private Objects Of(BrokerConnection owner)
    {
        if (_registry is null)
        {
            _registry = new UserMemoryRegistry(control, new UserMemoryLimits(), UserMemorySupport.Probe());
            _registry.StateChanged += Tell;
        }

        if (!_objects.TryGetValue(owner, out Objects? objects))
        {
            bool isPrivileged = policy.Policy.About(owner.Peer).Any(rule => rule.Privileged);
            objects = new Objects(new UserMemoryTable(
                _registry, new UserMemoryPeer(owner.Peer.Credentials.Pid, isPrivileged, owner.Peer.Process)));
            _objects.Add(owner, objects);
        }

        return objects;
    }

    // Who does not read what it is told is found by the next tick.
    private void Tell(UserMemory memory)
    {
        foreach ((BrokerConnection owner, Objects objects) in _objects)
        {
            if (objects.Handles.TryGetValue(memory, out uint handle))
            {
                owner.Send(_buffer.AsSpan(0, BrokerCodec.Write(
                    _buffer, (ushort)BrokerMessageType.MemoryState, 0, AnswerOf(handle, memory))));
            }
        }
    }

    private void Answer(
        BrokerConnection owner, in BrokerHeader request, in MemoryAnswer answer,
        params ReadOnlySpan<FileDescriptor> descriptors) => owner.Send(
        _buffer.AsSpan(0, BrokerCodec.Write(
            _buffer, (ushort)(request.Type | BrokerProtocol.AnswerBit), request.Sequence, answer)),
        descriptors);

    private static MemoryAnswer AnswerOf(uint handle, UserMemory memory) => new()
    {
        Handle = handle,
        State = (uint)memory.State + 1,
        Failure = (uint)memory.Failure,
    };

    /// <summary>What a connection has.</summary>
    private sealed record Objects(UserMemoryTable Table)
    {
        internal Dictionary<UserMemory, uint> Handles { get; } = [];
    }
}
