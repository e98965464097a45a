using Nf.Linux;
using Nf.SharedMemory.Store;

namespace Nf.DataPlane.Control;

/// <summary>Where a life leaves what the next one needs: the keeper, or whoever plays it.</summary>
internal interface IKeeperStore
{
    /// <summary>Leaves copies of descriptors under a key, in place of what was there.</summary>
    void Put(string key, ReadOnlySpan<byte> metadata, ReadOnlySpan<FileDescriptor> descriptors);

    /// <summary>Has a key forgotten; one that is not there is no error.</summary>
    void Drop(string key);
}

/// <summary>The keeper itself.</summary>
internal sealed class KeeperStore(StoreClient keeper) : IKeeperStore
{
    public void Put(string key, ReadOnlySpan<byte> metadata, ReadOnlySpan<FileDescriptor> descriptors) =>
        keeper.Put(key, metadata, descriptors);

    public void Drop(string key) => keeper.Drop(key);
}

/// <summary>A store in the process itself: for rehearsals and tests.</summary>
internal sealed class MemoryStore : IKeeperStore, IDisposable
{
    private readonly Dictionary<string, StoreEntry> _entries = new(StringComparer.Ordinal);

    public void Put(string key, ReadOnlySpan<byte> metadata, ReadOnlySpan<FileDescriptor> descriptors)
    {
        var copies = new FileDescriptor[descriptors.Length];
        for (int i = 0; i < copies.Length; i++)
        {
            copies[i] = descriptors[i].Duplicate();
        }

        Drop(key);
        _entries.Add(key, new StoreEntry(key, metadata.ToArray(), copies));
    }

    public void Drop(string key)
    {
        if (_entries.Remove(key, out StoreEntry? entry))
        {
            Close(entry);
        }
    }

    /// <summary>What a next life would be handed: entries whose descriptors are its own.</summary>
    internal IReadOnlyList<StoreEntry> HandOver() =>
    [
        .. _entries.Values.Select(entry => entry with
        {
            Descriptors = [.. entry.Descriptors.Select(descriptor => descriptor.Duplicate())],
        }),
    ];

    public void Dispose()
    {
        foreach (StoreEntry entry in _entries.Values)
        {
            Close(entry);
        }

        _entries.Clear();
    }

    private static void Close(StoreEntry entry)
    {
        foreach (FileDescriptor descriptor in entry.Descriptors)
        {
            descriptor.Dispose();
        }
    }
}
