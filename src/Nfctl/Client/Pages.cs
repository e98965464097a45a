using Nf.V1;

namespace Nf.Ctl.Client;

/// <summary>Reads every page of a list.</summary>
internal static class Pages
{
    // The contract's largest page: the fewest calls.
    private const uint EntriesMax = 1000;

    /// <summary>The entries of all pages, in order.</summary>
    /// <exception cref="InvalidDataException">A page's token leads back to itself.</exception>
    internal static async Task<List<T>> ReadAllAsync<T>(
        Func<Page, Task<(IEnumerable<T> Entries, string NextToken)>> read)
    {
        List<T> all = [];
        string token = "";
        while (true)
        {
            (IEnumerable<T> entries, string next) = await read(new Page { Size = EntriesMax, Token = token });
            all.AddRange(entries);
            if (next.Length == 0)
            {
                return all;
            }

            if (next == token)
            {
                throw new InvalidDataException($"the service's list does not end: page token '{next}' twice in a row");
            }

            token = next;
        }
    }
}
