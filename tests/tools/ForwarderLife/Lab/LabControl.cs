using System.Runtime.InteropServices;

namespace Nf.DataPlane.Lab;

/// <summary>First line of the rings file; the C tracer knows these offsets too.</summary>
[StructLayout(LayoutKind.Sequential, Size = 64)]
internal struct LabControl
{
    /// <summary>Rounds that the child may run. Writer: test or tracer.</summary>
    internal uint Go;

    /// <summary>Rounds that it has run. Writer: child.</summary>
    internal uint Done;

    /// <summary>Thread that runs them; 0 until it is ready. Writer: child.</summary>
    internal int Thread;

    /// <summary>1 when the child ends itself after its round. Writer: test.</summary>
    internal uint Stop;

    /// <summary>1 when the recovery of this life found the ledger closed. Writer: child.</summary>
    internal uint Recovered;

    /// <summary>1 when the tracer may begin. Writer: test.</summary>
    internal uint Prepared;

    /// <summary>Number of the life whose turn it is. Writer: test.</summary>
    internal uint Turn;
}
