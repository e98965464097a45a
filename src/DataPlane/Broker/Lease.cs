using Nf.DataPlane.Xdp;
using Nf.Linux;
using Nf.SharedMemory.Broker;

namespace Nf.DataPlane.Broker;

/// <summary>A socket that is lent: what stands behind it, and who has it.</summary>
/// <param name="id">Its number; never used again.</param>
/// <param name="user">Whose account it is on.</param>
/// <param name="network">Where its interface is; becomes the lease's.</param>
/// <param name="socket">The socket; becomes the lease's.</param>
internal sealed class Lease(ulong id, BrokerUser user, NetworkNamespace network, AfXdpSocket socket) : IDisposable
{
    private LeaseAnswer _answer;

    /// <summary>Its number.</summary>
    internal ulong Id { get; } = id;

    /// <summary>As its number stands in events.</summary>
    internal string Name => $"{Id}";

    /// <summary>Whose account it is on.</summary>
    internal BrokerUser User { get; } = user;

    /// <summary>Group of who took it.</summary>
    internal uint Gid { get; init; }

    /// <summary>Process that has it, or had it last.</summary>
    internal int Pid { get; set; }

    /// <summary>Where its interface is.</summary>
    internal NetworkNamespace Network { get; } = network;

    /// <summary>Identity of <see cref="Network"/>.</summary>
    internal FileIdentity NetworkIdentity { get; } = network.Identity;

    /// <summary>The socket. Its rings are the client's and never mapped here.</summary>
    internal AfXdpSocket Socket { get; } = socket;

    /// <summary>The memfd of kind SERVICE; null for others.</summary>
    internal FileDescriptor? MemoryFile { get; init; }

    /// <summary>The object of kind USER; null for others, and in a later life than the one that lent.</summary>
    internal IClientMemory? Memory { get; init; }

    /// <summary>What <see cref="Memory"/> calls when it is taken away.</summary>
    internal Action? LetGo { get; set; }

    /// <summary>The name under which its token was asked for; empty when the policy lent it.</summary>
    internal string TokenName { get; init; } = "";

    /// <summary>What feeds it; null while it is not bound.</summary>
    internal InterfaceProgram? Program { get; set; }

    /// <summary>What was asked for.</summary>
    internal LeaseRequest Asked { get; init; }

    /// <summary>What its client is told.</summary>
    internal ref LeaseAnswer Answer => ref _answer;

    /// <summary>Where it stands.</summary>
    internal LeaseState State => _answer.State;

    /// <summary>Why it stands there, for people.</summary>
    internal string Reason { get; set; } = "";

    /// <summary>Bytes that count for its user.</summary>
    internal ulong MemoryBytes => Asked.MemoryBytes + Asked.NotesBytes;

    /// <summary>The connection that has it; null while it is kept for one to come.</summary>
    internal BrokerConnection? Holder { get; set; }

    /// <summary>When it ends unless somebody takes it up, in CLOCK_MONOTONIC nanoseconds; 0 while somebody has it.
    /// </summary>
    internal long EndsNs { get; set; }

    /// <summary>The interface's name, for people.</summary>
    internal string Interface => _answer.Interface.Text ?? "";

    /// <summary>Closes our descriptors; the client's and the keeper's stay.</summary>
    public void Dispose()
    {
        Socket.Dispose();
        MemoryFile?.Dispose();
        Network.Dispose();
    }
}
