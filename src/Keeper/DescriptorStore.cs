using Nf.Linux;
using Nf.SharedMemory.Store;

namespace Nf.Keeper;

/// <summary>What the lives leave for each other. Knows nothing of what it holds.</summary>
internal sealed class DescriptorStore : IDisposable
{
    /// <summary>Most entries; an arbitrary limit, four times what the segment has slots for.</summary>
    internal const int EntryCountMax = 1024;

    /// <summary>Most descriptors; an arbitrary limit.</summary>
    internal const int DescriptorCountMax = 4096;

    private readonly SortedDictionary<string, StoreEntry> _entries = new(StringComparer.Ordinal);
    private readonly int _descriptorCountMax;

    /// <param name="openFilesMax">How many files this process may open; some are left for its own use.</param>
    internal DescriptorStore(int openFilesMax)
    {
        const int ownUse = 64;
        _descriptorCountMax = Math.Clamp(openFilesMax - ownUse, 0, DescriptorCountMax);
    }

    internal int Count => _entries.Count;

    internal int DescriptorCount { get; private set; }

    /// <summary>The entries by key.</summary>
    internal IEnumerable<StoreEntry> Entries => _entries.Values;

    /// <summary>Keeps an entry in place of what was there; it is the store's from now on.</summary>
    /// <returns>Why it is refused, or null; a refused entry stays the caller's.</returns>
    internal string? Put(StoreEntry entry)
    {
        StoreEntry? before = _entries.GetValueOrDefault(entry.Key);
        int descriptors = DescriptorCount + entry.Descriptors.Count - (before?.Descriptors.Count ?? 0);
        if (before is null && _entries.Count == EntryCountMax)
        {
            return $"the store has {_entries.Count} entries, the limit is {EntryCountMax}";
        }

        if (descriptors > _descriptorCountMax)
        {
            return $"the store would have {descriptors} descriptors, the limit is {_descriptorCountMax}";
        }

        _entries[entry.Key] = entry;
        DescriptorCount = descriptors;
        Close(before);
        return null;
    }

    /// <summary>Forgets an entry and closes its descriptors; one that is not there is forgotten already.</summary>
    internal void Drop(string key)
    {
        if (_entries.Remove(key, out StoreEntry? entry))
        {
            DescriptorCount -= entry.Descriptors.Count;
            Close(entry);
        }
    }

    /// <summary>How many files this process may open.</summary>
    internal static int ReadOpenFilesMax()
    {
        const string row = "Max open files";
        string? line = File.ReadLines("/proc/self/limits")
            .FirstOrDefault(l => l.StartsWith(row, StringComparison.Ordinal));
        string? soft = line?[row.Length..].Split(' ', StringSplitOptions.RemoveEmptyEntries).FirstOrDefault();
        return int.TryParse(soft, out int limit) ? limit : int.MaxValue;
    }

    public void Dispose()
    {
        foreach (StoreEntry entry in _entries.Values)
        {
            Close(entry);
        }

        _entries.Clear();
        DescriptorCount = 0;
    }

    private static void Close(StoreEntry? entry)
    {
        foreach (FileDescriptor descriptor in entry?.Descriptors ?? [])
        {
            descriptor.Dispose();
        }
    }
}
