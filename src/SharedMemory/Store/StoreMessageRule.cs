using static Nf.SharedMemory.Store.StoreCodec;

namespace Nf.SharedMemory.Store;

/// <summary>What a type of message must look like; nothing about it is decided anywhere else.</summary>
/// <param name="Type">The type.</param>
/// <param name="HasKey">Whether it names an entry.</param>
/// <param name="MetadataMin">Fewest bytes of metadata.</param>
/// <param name="MetadataMax">Most bytes of metadata.</param>
/// <param name="DescriptorsMax">Most descriptors beside it.</param>
/// <param name="Numbering">Whether it carries a sequence.</param>
internal readonly record struct StoreMessageRule(
    StoreMessageType Type,
    bool HasKey,
    uint MetadataMin,
    uint MetadataMax,
    int DescriptorsMax,
    SequenceUse Numbering)
{
    internal static StoreMessageRule For(StoreMessageType type) => type switch
    {
        StoreMessageType.Ready => new(type, false, sizeof(uint), sizeof(uint), 0, SequenceUse.None),
        StoreMessageType.Put => new(type, true, 0, MetadataBytesMax, DescriptorCountMax, SequenceUse.Required),
        StoreMessageType.Drop => new(type, true, 0, 0, 0, SequenceUse.Required),
        StoreMessageType.Heartbeat => new(type, false, 0, 0, 0, SequenceUse.None),
        StoreMessageType.Activate => new(type, false, sizeof(ulong), sizeof(ulong), 0, SequenceUse.None),
        StoreMessageType.Entry => new(type, true, 0, MetadataBytesMax, DescriptorCountMax, SequenceUse.None),
        StoreMessageType.End => new(type, false, sizeof(uint), sizeof(uint), 0, SequenceUse.None),
        StoreMessageType.Ack => new(type, false, 0, 0, 0, SequenceUse.Required),

        // Zero answers a request that could not be read far enough to know its number.
        StoreMessageType.Nak => new(type, false, 0, ReasonBytesMax, 0, SequenceUse.Optional),
        StoreMessageType.Shutdown => new(type, false, 0, 0, 0, SequenceUse.None),
        _ => throw new StoreException($"store packet of unknown type 0x{(ushort)type:x4}"),
    };

    internal void Check(int keyBytes, uint metadataBytes, uint sequence, int descriptorCount)
    {
        (int keyMin, int keyMax) = HasKey ? (1, KeyBytesMax) : (0, 0);
        if (keyBytes < keyMin || keyBytes > keyMax)
        {
            throw new StoreException($"{Type} has a key of {keyBytes} bytes, the rule is {keyMin} to {keyMax}");
        }

        if (metadataBytes < MetadataMin || metadataBytes > MetadataMax)
        {
            throw new StoreException(
                $"{Type} has {metadataBytes} bytes of metadata, the rule is {MetadataMin} to {MetadataMax}");
        }

        if (descriptorCount < 0 || descriptorCount > DescriptorsMax)
        {
            throw new StoreException($"{Type} has {descriptorCount} descriptors, the rule is 0 to {DescriptorsMax}");
        }

        if ((Numbering == SequenceUse.Required && sequence == 0) || (Numbering == SequenceUse.None && sequence != 0))
        {
            throw new StoreException($"{Type} has the sequence {sequence}, which is {Numbering} for it");
        }
    }
}

/// <summary>Whether a type of message carries a sequence.</summary>
internal enum SequenceUse
{
    None,
    Optional,
    Required,
}
