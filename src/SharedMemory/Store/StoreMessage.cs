namespace Nf.SharedMemory.Store;

/// <summary>One packet of the store socket, without its descriptors; valid as far as one packet alone can be.</summary>
/// <remarks>A view of the receive buffer: it is over when the buffer is used again.</remarks>
public readonly ref struct StoreMessage
{
    internal StoreMessage(StoreMessageType type, uint sequence, string key, ReadOnlySpan<byte> metadata)
    {
        Type = type;
        Sequence = sequence;
        Key = key;
        Metadata = metadata;
    }

    /// <summary>What it says.</summary>
    public StoreMessageType Type { get; }

    /// <summary>Chosen by the life for PUT and DROP; the answer repeats it. Zero in all else.</summary>
    public uint Sequence { get; }

    /// <summary>Key of an entry, or empty where the type has none.</summary>
    public string Key { get; }

    /// <summary>Opaque bytes of an entry, or the fixed fields of the type.</summary>
    public ReadOnlySpan<byte> Metadata { get; }
}
