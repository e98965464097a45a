namespace Nf.DataPlane.Cpumaps;

/// <summary>
/// The hash of a flow: equal for both directions, and for all fragments of a packet. Steering/SelectionCompiler.cs
/// writes the same arithmetic as instructions; the tests hold one against the other.
/// </summary>
internal static class FlowHash
{
    /// <summary>Spreads the words of an address: 2^32 divided by the golden ratio, odd.</summary>
    internal const uint Spread = 0x9e3779b1;

    /// <summary>Mixes: two odd numbers of 64 bits with about as many ones as zeroes.</summary>
    internal const ulong Mix1 = 0x9fb21c651e98df25;

    /// <inheritdoc cref="Mix1"/>
    internal const ulong Mix2 = 0xd6e8feb86659fd93;

    /// <summary>Tells ethertypes from IP protocols.</summary>
    internal const uint EthertypeFlag = 0x10000;

    /// <summary>32 bits, well spread in the upper ones.</summary>
    internal static uint Of(in Flow flow)
    {
        uint a, b, kind;
        if (flow[FlowField.Version] == 0)
        {
            a = (flow[FlowField.SourceMac] * Spread) + flow[(int)FlowField.SourceMac + 1];
            b = (flow[FlowField.DestinationMac] * Spread) + flow[(int)FlowField.DestinationMac + 1];
            kind = flow[FlowField.Ethertype] | EthertypeFlag;
        }
        else
        {
            a = Fold(flow, FlowField.Source);
            b = Fold(flow, FlowField.Destination);
            kind = flow[FlowField.HashProtocol];
            if (HasPorts(flow))
            {
                a += flow[FlowField.SourcePort];
                b += flow[FlowField.DestinationPort];
            }
        }

        // Both directions come out alike because only the order of size counts.
        ulong mixed = (((ulong)Math.Max(a, b) << 32) | Math.Min(a, b)) + (kind * Mix1);
        mixed = (mixed ^ (mixed >> 32)) * Mix1;
        mixed = (mixed ^ (mixed >> 32)) * Mix2;
        return (uint)(mixed >> 32);
    }

    /// <summary>Whether ports may tell where a frame goes: only the first fragment of a packet has them, so no
    /// fragment may use them.</summary>
    internal static bool HasPorts(in Flow flow) =>
        flow[FlowField.SourcePort] != Flow.NoPort && (flow[FlowField.State] & Flow.Fragment) == 0;

    private static uint Fold(in Flow flow, FlowField first)
    {
        uint sum = flow[first];
        for (int i = 1; i < 4; i++)
        {
            sum = (sum * Spread) + flow[(int)first + i];
        }

        return sum * Spread;
    }
}
