namespace Nf.DataPlane.UserMemories;

/// <summary>Where a user memory stands.</summary>
internal enum UserMemoryState
{
    /// <summary>Noted; no page of it was touched, or its pages were given back.</summary>
    Registered,

    /// <summary>Its pages are being fetched.</summary>
    Acquiring,

    /// <summary>Its pages are held.</summary>
    Active,

    /// <summary>Its owner took it away; the next use fetches what is there then.</summary>
    Invalidated,
}
