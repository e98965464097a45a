namespace Nf.DataPlane.Xdp;

/// <summary>What an earlier life left cannot be taken over; the message says why.</summary>
internal sealed class AdoptionException(string message, Exception? cause = null) : Exception(message, cause);
