namespace Nf.DataPlane.Vhost.Rings;

/// <summary>What looking for the next chain came to.</summary>
internal enum ChainVerdict
{
    /// <summary>The driver has made none available.</summary>
    Empty,

    /// <summary>There is one, and it can be used.</summary>
    Good,

    /// <summary>There is one that must not be used; its buffer goes back to the driver as it is.</summary>
    Bad,

    /// <summary>Where it ends cannot be told: the ring itself cannot be trusted any more.</summary>
    Broken,
}
