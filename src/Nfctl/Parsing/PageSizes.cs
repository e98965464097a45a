using Nf.V1;

namespace Nf.Ctl.Parsing;

/// <summary>The page sizes that may back a UMEM.</summary>
internal static class PageSizes
{
    /// <summary><c>4k</c>, <c>2m</c> or <c>1g</c>, in any spelling of a size.</summary>
    /// <exception cref="FormatException">Another size.</exception>
    internal static PageSize Parse(string text)
    {
        return ByteSize.Parse(text) switch
        {
            1UL << 12 => PageSize._4Kib,
            1UL << 21 => PageSize._2Mib,
            1UL << 30 => PageSize._1Gib,
            _ => throw new FormatException($"'{text}' is no page size; choose 4k, 2m or 1g"),
        };
    }

    /// <summary>A page size for people.</summary>
    internal static string Format(PageSize size)
    {
        return size switch
        {
            PageSize._4Kib => "4 KiB",
            PageSize._2Mib => "2 MiB",
            PageSize._1Gib => "1 GiB",
            _ => "default",
        };
    }
}
