namespace Nf.DataPlane.Vhost;

/// <summary>
/// A front-end asked for what cannot be done; nothing was changed. It is told so where it waits for an answer, and
/// loses its connection where it does not.
/// </summary>
/// <param name="message">Names request, field, value and rule.</param>
/// <param name="kind">Under what it is counted.</param>
internal sealed class VhostRefusedException(string message, VhostFaultKind kind = VhostFaultKind.BadMemory)
    : Exception(message)
{
    internal VhostFaultKind Kind => kind;
}
