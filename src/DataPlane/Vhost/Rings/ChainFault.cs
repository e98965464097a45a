namespace Nf.DataPlane.Vhost.Rings;

/// <summary>Which rule a chain breaks that is given back unused.</summary>
internal enum ChainFault
{
    /// <summary>None.</summary>
    None = 0,

    /// <summary>A buffer is not in the memory that the front-end shared.</summary>
    OutsideMemory = 1,

    /// <summary>An address and a length reach beyond 64 bits.</summary>
    AddressWraps = 2,

    /// <summary>Something to read stands behind something to write (virtio 1.3, 2.7.4.2).</summary>
    ReadableBehindWritable = 3,

    /// <summary>Its buffers have more than 4 GiB together (virtio 1.3, 2.7.5).</summary>
    TooManyBytes = 4,

    /// <summary>It has more pieces than <see cref="ChainWalker.SpanCountMax"/>, or than fit into a batch.</summary>
    TooManyPieces = 5,

    /// <summary>It has an indirect table, and INDIRECT_DESC was not negotiated.</summary>
    IndirectNotNegotiated = 6,

    /// <summary>A descriptor is a table and goes on as well (virtio 1.3, 2.7.5.3.1).</summary>
    IndirectAndNext = 7,

    /// <summary>A table is empty, not a number of whole descriptors, or longer than allowed.</summary>
    TableSize = 8,

    /// <summary>A table is not in the memory that the front-end shared.</summary>
    TableOutsideMemory = 9,

    /// <summary>A table has a table (virtio 1.3, 2.7.5.3.1).</summary>
    TableInTable = 10,

    /// <summary>A table goes on at an entry that does not exist, or comes by one twice.</summary>
    TableWithoutEnd = 11,

    /// <summary>There is no room to write a header and a byte of a frame.</summary>
    NothingToWrite = 12,

    /// <summary>Buffers in so many pieces that those for one burst take too long to find
    /// (<see cref="ChainWalker.Grant"/>).</summary>
    TooMuchWork = 13,
}
