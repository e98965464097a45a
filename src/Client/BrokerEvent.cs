using Nf.SharedMemory.Broker;

namespace Nf.Client;

/// <summary>What the broker tells unasked.</summary>
/// <param name="Type">LeaseState or Life.</param>
/// <param name="Lease">The lease, of LeaseState.</param>
/// <param name="State">Where it stands now.</param>
/// <param name="Generation">Which life of the data plane serves from here on, of Life.</param>
/// <param name="Text">Why, for people.</param>
public readonly record struct BrokerEvent(
    BrokerMessageType Type, ulong Lease, LeaseState State, ulong Generation, string Text);
