using System.Runtime.InteropServices;

namespace Nf.DataPlane.Vhost.Session;

/// <summary>What must be known of a connection when the process has died, in memory that survives it.</summary>
[StructLayout(LayoutKind.Sequential, Size = 64)]
internal struct SessionRecord
{
    /// <summary>1 while a message, or part of one, is in hand: what was read of it is lost with the process, so the
    /// connection cannot be gone on with.</summary>
    internal uint Busy;
}
