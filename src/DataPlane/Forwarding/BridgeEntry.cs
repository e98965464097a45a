namespace Nf.DataPlane.Forwarding;

/// <summary>An address that a bridge has learned.</summary>
/// <param name="Mac">Its six bytes, the first of them lowest.</param>
/// <param name="End">The end that it was last heard on.</param>
/// <param name="Age">How long ago.</param>
internal readonly record struct BridgeEntry(ulong Mac, int End, TimeSpan Age);
