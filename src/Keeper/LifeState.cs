namespace Nf.Keeper;

/// <summary>How far a life has come.</summary>
internal enum LifeState
{
    /// <summary>Started; has not said READY.</summary>
    Starting,

    /// <summary>Warmed up, waiting for its turn.</summary>
    Ready,

    /// <summary>Its turn.</summary>
    Active,

    /// <summary>Told to go, or gone; its process may take a moment yet.</summary>
    Leaving,
}
