namespace Nf.Ctl.Rendering;

/// <summary>What a text means, for terminals that show colours.</summary>
internal enum Tone
{
    /// <summary>Nothing special.</summary>
    Plain,

    /// <summary>As it should be.</summary>
    Good,

    /// <summary>Worth a look.</summary>
    Warning,

    /// <summary>Wrong.</summary>
    Bad,

    /// <summary>Of less interest.</summary>
    Dim,
}
