namespace Nf.SharedMemory.Store;

/// <summary>A life's turn: which life it is, and everything the earlier ones left.</summary>
/// <param name="Generation">Counts the lives that were activated, from 1.</param>
/// <param name="Entries">The whole store, by key; empty for the first life.</param>
public sealed record Activation(ulong Generation, IReadOnlyList<StoreEntry> Entries);
