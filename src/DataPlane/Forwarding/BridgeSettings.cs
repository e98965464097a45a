namespace Nf.DataPlane.Forwarding;

/// <summary>What a bridge is like.</summary>
/// <param name="Ends">How many ends it has; each is a set of queues.</param>
/// <param name="Age">After how long an address that sent nothing is forgotten.</param>
/// <param name="EntriesMax">Most addresses.</param>
/// <param name="EntriesPerEndMax">Most addresses of one end.</param>
internal sealed record BridgeSettings(int Ends, TimeSpan Age, uint EntriesMax, uint EntriesPerEndMax);
