using System.Security.Cryptography;
using Google.Protobuf;
using Google.Protobuf.WellKnownTypes;
using Nf.DataPlane.Control;
using Nf.Internal.V1;
using Nf.Linux;
using Nf.SharedMemory.Broker;
using Nf.V1;
using Kind = Nf.SharedMemory.Broker.LeaseMemoryKind;
using XdpMode = Nf.V1.XdpMode;

namespace Nf.DataPlane.Broker;

/// <summary>Leases as the control plane sees them.</summary>
/// <param name="leases">All leases.</param>
/// <param name="grants">Tokens that were issued.</param>
/// <param name="socketPath">Where clients connect.</param>
internal sealed class LeaseDesk(LeaseTable leases, LeaseGrants grants, string socketPath) : ILeaseDesk
{
    /// <summary>Bytes of packet memory where none are asked for.</summary>
    private const ulong MemoryBytesDefault = 64ul << 20;

    /// <summary>How long a token is good for where nothing is asked for.</summary>
    private static readonly TimeSpan ValidForDefault = TimeSpan.FromSeconds(60);

    public IEnumerable<V1.Lease> Describe() => leases.All.Select(lease => new V1.Lease
    {
        Id = lease.Id,
        State = (V1.LeaseState)lease.State,
        StateReason = lease.Reason,
        Interface = lease.Interface,
        Ifindex = lease.Answer.Ifindex,
        Queue = lease.Answer.Queue,
        Uid = lease.User.Uid,
        Gid = lease.Gid,
        Pid = (uint)lease.Pid,
        Held = lease.Holder is not null,
        KeepSeconds = lease.Asked.KeepSeconds,
        Memory = lease.Asked.MemoryKind switch
        {
            Kind.Service => LeaseMemory.Service,
            Kind.User => LeaseMemory.User,
            _ => LeaseMemory.Own,
        },
        MemoryBytes = lease.MemoryBytes,
        Mode = (lease.Answer.Granted & LeaseFlags.ZeroCopy) != 0 ? XskMode.ZeroCopy : XskMode.Copy,
        XdpMode = (lease.Answer.Granted & LeaseFlags.Native) != 0 ? XdpMode.Native : XdpMode.Generic,
        TokenName = lease.TokenName,
    });

    public LeaseToken Issue(IssueLeaseToken asked)
    {
        if (asked.Spec is null)
        {
            throw new CommandFaultException("INVALID_SPEC", "spec: must be set", Errno.EINVAL);
        }

        using Linux.NetworkNamespace network = XskCommands.OpenNetwork(asked.Spec.NetworkNamespace);
        XskDevice device = XskDevice.Find(network, asked.Spec);
        if (asked.Spec.Queue >= device.QueueCount)
        {
            throw new CommandFaultException(
                "QUEUE_OUT_OF_RANGE",
                $"queue {asked.Spec.Queue}: {device.Link.Name} has {device.QueueCount} receive queue(s)", Errno.EINVAL);
        }

        if (grants.Count >= BrokerLimits.TokenCountMax)
        {
            throw new CommandFaultException(
                "LIMIT_REACHED", $"there are {grants.Count} tokens that nobody showed", Errno.ENOBUFS);
        }

        bool byName = asked.Spec.DeviceCase == XskSocketSpec.DeviceOneofCase.Interface;
        LeaseTerms terms = asked.Terms ?? new LeaseTerms();
        var grant = new LeaseGrant(
            asked.Name, byName ? device.Link.Name : "", byName ? 0 : device.Link.Ifindex, network.Identity,
            asked.Spec.Queue, terms.MemoryBytesMax == 0 ? MemoryBytesDefault : terms.MemoryBytesMax,
            (uint)(terms.KeepMax?.ToTimeSpan().TotalSeconds ?? 0));
        TimeSpan validFor = terms.ValidFor?.ToTimeSpan() ?? ValidForDefault;
        BrokerToken token = default;
        RandomNumberGenerator.Fill(token);
        grants.Revoke(asked.Name);
        grants.Issue(token, grant, Clock.MonotonicNs() + ((long)validFor.TotalMilliseconds * 1_000_000));
        return new LeaseToken
        {
            Token = ByteString.CopyFrom(token),
            ExpireTime = Timestamp.FromDateTimeOffset(DateTimeOffset.UtcNow + validFor),
            BrokerSocket = socketPath,
        };
    }

    public void Revoke(ulong id) => leases.End(
        leases.TryFind(id) ?? throw new CommandFaultException(
            "UNKNOWN_RESOURCE", $"there is no lease {id}", Errno.ENOENT),
        "revoked by the control plane");

    public void RevokeToken(string name)
    {
        if (!grants.Revoke(name))
        {
            throw new CommandFaultException(
                "UNKNOWN_RESOURCE", $"there is no token \"{name}\" that nobody has shown yet", Errno.ENOENT);
        }
    }
}
