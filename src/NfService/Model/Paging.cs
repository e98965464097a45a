using System.Buffers.Text;
using System.Text;
using Nf.V1;

namespace Nf.Service;

/// <summary>A page of a list that is sorted by name.</summary>
/// <param name="Items">The entries.</param>
/// <param name="NextToken">Token of the next page; empty on the last.</param>
internal readonly record struct PageOf<T>(IReadOnlyList<T> Items, string NextToken);

/// <summary>Where a page begins.</summary>
/// <param name="Size">Most entries of it.</param>
/// <param name="After">Key of the last entry of the page before; null for the first page.</param>
internal readonly record struct PageStart(int Size, string? After);

/// <summary>Cuts lists into pages. A token names the last entry given, so nothing shifts in between.</summary>
internal static class Paging
{
    private const int SizeDefault = 100;
    private const int SizeMax = 1000;
    private const string TokenPrefix = "1:"; // version of the token's meaning

    /// <summary>One page.</summary>
    /// <exception cref="InvalidSpecException">The size or the token is wrong.</exception>
    public static PageOf<T> Cut<T>(IEnumerable<T> items, Func<T, string> name, Page? page)
    {
        (int take, string? after) = Read(page, ResourceName.IsValid);
        List<T> found = items
            .OrderBy(name, StringComparer.Ordinal)
            .Where(item => after is null || string.CompareOrdinal(name(item), after) > 0)
            .Take(take + 1)
            .ToList();
        if (found.Count <= take)
        {
            return new PageOf<T>(found, "");
        }

        found.RemoveAt(take);
        return new PageOf<T>(found, TokenAfter(name(found[^1])));
    }

    /// <summary>Where a page begins and how long it is.</summary>
    /// <param name="page">What was asked for.</param>
    /// <param name="isKey">Whether a text can be the key of an entry.</param>
    /// <exception cref="InvalidSpecException">The size or the token is wrong.</exception>
    public static PageStart Read(Page? page, Func<string, bool> isKey)
    {
        var faults = new SpecFaults();
        uint size = page?.Size ?? 0;
        faults.Require(size <= SizeMax, "page.size", $"{size} is above {SizeMax}");
        string? after = Decode(faults, page?.Token ?? "", isKey);
        faults.ThrowIfAny();
        return new PageStart(size == 0 ? SizeDefault : (int)size, after);
    }

    /// <summary>The token of the page that begins after an entry.</summary>
    public static string TokenAfter(string key) => Base64Url.EncodeToString(Encoding.UTF8.GetBytes(TokenPrefix + key));

    private static string? Decode(SpecFaults faults, string token, Func<string, bool> isKey)
    {
        if (token.Length == 0)
        {
            return null;
        }

        if (token.Length <= 128 && Base64Url.IsValid(token))
        {
            string text = Encoding.UTF8.GetString(Base64Url.DecodeFromChars(token));
            if (text.StartsWith(TokenPrefix, StringComparison.Ordinal)
                && isKey(text[TokenPrefix.Length..]))
            {
                return text[TokenPrefix.Length..];
            }
        }

        faults.Add("page.token", "is not a token this service gave out");
        return null;
    }
}
