using Nf.Linux;

namespace Nf.SharedMemory.Store;

/// <summary>What an earlier life left with the keeper under a key.</summary>
/// <param name="Key">Its name.</param>
/// <param name="Metadata">What that life wrote beside it.</param>
/// <param name="Descriptors">In the order they were put; whoever received the entry owns them.</param>
public sealed record StoreEntry(string Key, byte[] Metadata, IReadOnlyList<FileDescriptor> Descriptors);
