using Nf.Linux;

namespace Nf.DataPlane.Control;

/// <summary>
/// How the descriptors of one connection are spread over entries of the keeper's store, which have only so many each.
/// An entry that would say the same again keeps its number.
/// </summary>
internal sealed class VhostStoredParts
{
    private readonly List<Part> _parts = [];
    private ulong _lastNumber;

    /// <summary>Numbers of the entries, in order.</summary>
    internal IEnumerable<ulong> Numbers => _parts.Select(part => part.Number);

    /// <summary>Spreads descriptors over parts.</summary>
    /// <param name="descriptors">All of them, in order.</param>
    /// <param name="partMax">Most of one part.</param>
    /// <param name="put">Stores a part that is new.</param>
    /// <returns>Numbers of parts that are not needed any more; to be dropped once the new ones are named.</returns>
    internal IReadOnlyList<ulong> Update(
        IReadOnlyList<FileDescriptor> descriptors, int partMax, Action<ulong, FileDescriptor[]> put)
    {
        List<Part> before = [.. _parts];
        _parts.Clear();
        foreach (FileDescriptor[] chunk in descriptors.Chunk(partMax))
        {
            Part? same = before.Find(part => part.Descriptors.SequenceEqual(chunk));
            if (same is null)
            {
                same = new Part(++_lastNumber, chunk);
                put(same.Number, chunk);
            }

            _parts.Add(same);
        }

        return [.. before.Except(_parts).Select(part => part.Number)];
    }

    /// <summary>Goes on with the numbers of an earlier life, whose parts are not compared with.</summary>
    internal void Continue(IEnumerable<ulong> numbers)
    {
        foreach (ulong number in numbers)
        {
            _parts.Add(new Part(number, []));
            _lastNumber = Math.Max(_lastNumber, number);
        }
    }

    private sealed record Part(ulong Number, FileDescriptor[] Descriptors);
}
