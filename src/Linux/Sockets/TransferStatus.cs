namespace Nf.Linux;

/// <summary>How an attempt to send or receive ended.</summary>
public enum TransferStatus
{
    /// <summary>Data was moved.</summary>
    Done,

    /// <summary>Nothing can be moved at the moment.</summary>
    WouldBlock,

    /// <summary>The other end is gone.</summary>
    Closed,
}
