namespace Nf.DataPlane.UserMemories;

/// <summary>Something that is counted, and gone for good once the count is zero.</summary>
internal abstract class Counted
{
    private int _references = 1;

    /// <summary>References; zero when it is gone.</summary>
    internal int References => Volatile.Read(ref _references);

    /// <summary>Counts one more, unless it is gone.</summary>
    internal bool TryAddReference()
    {
        int seen = Volatile.Read(ref _references);
        while (seen != 0)
        {
            int found = Interlocked.CompareExchange(ref _references, seen + 1, seen);
            if (found == seen)
            {
                return true;
            }

            seen = found;
        }

        return false;
    }

    /// <summary>Counts one less.</summary>
    /// <returns>True for the last one, who ends it.</returns>
    internal bool DropReference() => Interlocked.Decrement(ref _references) == 0;
}
