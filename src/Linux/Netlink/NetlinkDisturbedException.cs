namespace Nf.Linux;

/// <summary>What was being listed changed in the middle, so the list may lack something (NLM_F_DUMP_INTR).</summary>
/// <param name="call">Which list.</param>
internal sealed class NetlinkDisturbedException(string call) : IOException($"{call}: changed while being listed");
