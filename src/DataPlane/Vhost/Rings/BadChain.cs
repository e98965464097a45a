using System.Globalization;

namespace Nf.DataPlane.Vhost.Rings;

/// <summary>A rule that a chain broke, and by what: for a person who looks for a fault in a driver.</summary>
/// <param name="Fault">The rule.</param>
/// <param name="Id">What the driver knows the chain by.</param>
/// <param name="Address">The guest address that broke it; 0 where the rule is not about one.</param>
/// <param name="Length">The bytes that were said to be there.</param>
internal readonly record struct BadChain(ChainFault Fault, uint Id, ulong Address, uint Length)
{
    /// <summary>A sentence; empty when no chain was bad.</summary>
    public override string ToString() => Fault switch
    {
        ChainFault.None => "",
        ChainFault.TooMuchWork => Sentence,
        _ => string.Create(CultureInfo.InvariantCulture, $"chain {Id}: {Sentence}"),
    };

    private string Place => string.Create(CultureInfo.InvariantCulture, $"0x{Address:x}, {Length} bytes");

    private string Sentence => Fault switch
    {
        ChainFault.OutsideMemory => $"a buffer ({Place}) is not in the memory that the front-end shared",
        ChainFault.AddressWraps => $"an address and its length ({Place}) reach beyond 64 bits",
        ChainFault.ReadableBehindWritable => $"a readable buffer ({Place}) stands behind a writable one",
        ChainFault.TooManyBytes => "its buffers have more than 4 GiB together",
        ChainFault.TooManyPieces => $"it has more than {ChainWalker.SpanCountMax - 16} pieces",
        ChainFault.IndirectNotNegotiated => "it has an indirect table, and INDIRECT_DESC was not negotiated",
        ChainFault.IndirectAndNext => "a descriptor has both INDIRECT and NEXT",
        ChainFault.TableSize => $"its table ({Place}) is empty, too long, or no whole number of descriptors",
        ChainFault.TableOutsideMemory => $"its table ({Place}) is not in the memory that the front-end shared",
        ChainFault.TableInTable => $"its table ({Place}) has a table in it",
        ChainFault.TableWithoutEnd => $"its table ({Place}) goes on at an entry that does not exist, or in a circle",
        ChainFault.NothingToWrite => "it has no room for a header and a byte of a frame",
        ChainFault.TooMuchWork => "the buffers have so many pieces that a burst ends before they are found",
        _ => $"{Fault}",
    };
}
