namespace Nf.DataPlane.Vhost.Protocol;

/// <summary>A front-end broke the protocol itself: what follows in the stream cannot be trusted, so the connection
/// ends.</summary>
/// <param name="kind">Under what it is counted.</param>
/// <param name="message">Names request, field, value and rule.</param>
internal sealed class VhostFatalException(VhostFaultKind kind, string message) : Exception(message)
{
    internal VhostFaultKind Kind => kind;
}
