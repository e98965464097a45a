using Google.Protobuf.WellKnownTypes;
using Nf.Internal.V1;
using Nf.SharedMemory.Broker;
using Nf.V1;

namespace Nf.Service;

/// <summary>A token as it was asked for: a socket with owner CLIENT.</summary>
internal sealed class DesiredLeaseToken
{
    private static readonly TimeSpan ValidForMax = TimeSpan.FromHours(1);

    private readonly XskSocket _socket;
    private readonly LeaseTerms _terms;

    private DesiredLeaseToken(XskSocket socket, LeaseTerms terms)
    {
        _socket = socket;
        _terms = terms;
    }

    /// <exception cref="InvalidSpecException">Names every fault of the request.</exception>
    public static DesiredLeaseToken From(BindXskSocketRequest request)
    {
        var faults = new SpecFaults();
        ResourceName.Check(faults, "name", request.Name);
        LabelRules.Check(faults, request.Labels);
        XskSocketSpec spec = request.Spec.Clone();
        faults.Require(
            spec.Umem.Length == 0, "spec.umem", "must be empty for owner CLIENT, who agrees on memory with the broker");
        XskSocketRules.CheckPlace(faults, spec);
        LeaseTerms terms = request.LeaseTerms ?? new LeaseTerms();
        faults.Require(
            terms.MemoryBytesMax <= BrokerProtocol.MemoryBytesMax, "lease_terms.memory_bytes_max",
            $"{terms.MemoryBytesMax} is above {BrokerProtocol.MemoryBytesMax}");
        CheckTime(faults, "lease_terms.keep_max", terms.KeepMax, TimeSpan.FromSeconds(BrokerProtocol.KeepSecondsMax));
        CheckTime(faults, "lease_terms.valid_for", terms.ValidFor, ValidForMax);
        faults.ThrowIfAny();
        var socket = new XskSocket { Name = request.Name, Spec = spec };
        socket.Labels.Add(new Dictionary<string, string>(request.Labels));
        return new DesiredLeaseToken(socket, terms);
    }

    /// <summary>The socket as it was asked for; nothing is bound yet.</summary>
    public XskSocket ToProto() => _socket.Clone();

    /// <summary>The command that issues it.</summary>
    public Command ToCommand() => new()
    {
        IssueLeaseToken = new IssueLeaseToken { Name = _socket.Name, Spec = _socket.Spec.Clone(), Terms = _terms },
    };

    private static void CheckTime(SpecFaults faults, string field, Duration? time, TimeSpan max)
    {
        if (time is not null)
        {
            faults.Require(
                time.Seconds >= 0 && time.Nanos is >= 0 and < 1_000_000_000 && time.Seconds <= max.TotalSeconds,
                field, $"is not within 0 to {max.TotalSeconds} seconds");
        }
    }
}
