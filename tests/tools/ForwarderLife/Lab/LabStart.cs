namespace Nf.DataPlane.Lab;

/// <summary>How a life begins.</summary>
internal enum LabStart
{
    /// <summary>Every chunk is free.</summary>
    Fresh,

    /// <summary>With what an earlier life left, recovered.</summary>
    Recovered,
}
