using System.Diagnostics.CodeAnalysis;

namespace Nf.DataPlane.UserMemories;

/// <summary>Counted records by their keys: each is made once, whoever asks at the same time, and shared while somebody
/// holds it. Any thread.</summary>
internal sealed class ClientRecords<TKey, TRecord>
    where TKey : notnull
    where TRecord : Counted
{
    private readonly Dictionary<TKey, TRecord> _records = [];
    private readonly Lock _gate = new();

    /// <summary>Records there are.</summary>
    internal int Count
    {
        get
        {
            lock (_gate)
            {
                return _records.Count;
            }
        }
    }

    /// <summary>Those there are now; not counted.</summary>
    internal TRecord[] ToArray()
    {
        lock (_gate)
        {
            return [.. _records.Values];
        }
    }

    /// <summary>The record of a key, with one more reference, or a new one with its first.</summary>
    /// <param name="key">Whose.</param>
    /// <param name="make">Makes one; outside the lock, so that two may be made and one is thrown away.</param>
    /// <param name="free">Throws away what somebody else was faster with.</param>
    internal TRecord Take(TKey key, Func<TRecord> make, Action<TRecord> free)
    {
        if (TryFind(key, out TRecord? found))
        {
            return found;
        }

        TRecord made = make();
        lock (_gate)
        {
            if (!TryFindLocked(key, out found))
            {
                _records[key] = made;
                return made;
            }
        }

        free(made);
        return found;
    }

    /// <summary>Gives a reference back; the last one takes the record out.</summary>
    /// <returns>True when it was the last one: the caller ends the record.</returns>
    internal bool Drop(TKey key, TRecord record)
    {
        if (!record.DropReference())
        {
            return false;
        }

        lock (_gate)
        {
            // A new one may stand there already: a dead record is replaced by whoever asks next.
            if (_records.TryGetValue(key, out TRecord? current) && ReferenceEquals(current, record))
            {
                _records.Remove(key);
            }
        }

        return true;
    }

    private bool TryFind(TKey key, [NotNullWhen(true)] out TRecord? record)
    {
        lock (_gate)
        {
            return TryFindLocked(key, out record);
        }
    }

    private bool TryFindLocked(TKey key, [NotNullWhen(true)] out TRecord? record) =>
        _records.TryGetValue(key, out record) && record.TryAddReference();
}
