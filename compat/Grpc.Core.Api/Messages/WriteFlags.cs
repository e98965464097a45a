namespace Grpc.Core;

/// <summary>How one message is written.</summary>
[Flags]
public enum WriteFlags
{
    /// <summary>Nothing special.</summary>
    None = 0,

    /// <summary>More messages follow soon: do not flush yet.</summary>
    BufferHint = 1,

    /// <summary>Send this message uncompressed although the call compresses.</summary>
    NoCompress = 2,
}
