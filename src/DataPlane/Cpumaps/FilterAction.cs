namespace Nf.DataPlane.Cpumaps;

/// <summary>What a step of a filter program does with a frame.</summary>
internal enum FilterAction
{
    /// <summary>It goes on as without a program.</summary>
    Pass,

    /// <summary>It is dropped.</summary>
    Drop,

    /// <summary>It is sent to another endpoint.</summary>
    Redirect,
}
