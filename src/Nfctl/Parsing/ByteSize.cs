using System.Globalization;

namespace Nf.Ctl.Parsing;

/// <summary>Sizes as people write them: <c>64MiB</c>, <c>1.5GiB</c>, <c>2048</c>.</summary>
internal static class ByteSize
{
    // As in coreutils: K, Ki and KiB are 1024; KB is 1000.
    private static readonly (string Suffix, ulong Factor)[] Units =
    [
        ("", 1), ("b", 1),
        ("k", 1UL << 10), ("ki", 1UL << 10), ("kib", 1UL << 10), ("kb", 1_000),
        ("m", 1UL << 20), ("mi", 1UL << 20), ("mib", 1UL << 20), ("mb", 1_000_000),
        ("g", 1UL << 30), ("gi", 1UL << 30), ("gib", 1UL << 30), ("gb", 1_000_000_000),
        ("t", 1UL << 40), ("ti", 1UL << 40), ("tib", 1UL << 40), ("tb", 1_000_000_000_000),
    ];

    private static readonly (string Name, ulong Factor)[] Printed =
        [("TiB", 1UL << 40), ("GiB", 1UL << 30), ("MiB", 1UL << 20), ("KiB", 1UL << 10)];

    /// <summary>Bytes of a size.</summary>
    /// <exception cref="FormatException">Not a size, not a whole number of bytes, or beyond 64 bits.</exception>
    internal static ulong Parse(string text)
    {
        int numberLength = Numbers.LengthOfNumber(text);
        string suffix = text[numberLength..].Trim();
        ulong factor = Array.Find(Units, u => u.Suffix.Equals(suffix, StringComparison.OrdinalIgnoreCase)).Factor;
        if (factor == 0
            || !Numbers.TryDecimal(text.AsSpan(0, numberLength), out decimal number))
        {
            throw new FormatException($"'{text}' is not a size; write it like 64MiB, 2048 or 1GiB");
        }

        if (number > ulong.MaxValue / (decimal)factor)
        {
            throw new FormatException($"'{text}' is more than 64 bits can hold");
        }

        decimal bytes = number * factor;
        return bytes == decimal.Truncate(bytes)
            ? (ulong)bytes
            : throw new FormatException($"'{text}' is not a whole number of bytes");
    }

    /// <summary>Bytes of a size that a 32-bit field carries.</summary>
    /// <exception cref="FormatException">As <see cref="Parse"/>, or beyond 32 bits.</exception>
    internal static uint Parse32(string text)
    {
        ulong bytes = Parse(text);
        return bytes <= uint.MaxValue
            ? (uint)bytes
            : throw new FormatException($"'{text}' is more than 32 bits can hold");
    }

    /// <summary>A size for people: exact when a whole number of some unit, else with two decimals.</summary>
    internal static string Format(ulong bytes)
    {
        foreach ((string name, ulong factor) in Printed)
        {
            if (bytes >= factor)
            {
                return bytes % factor == 0
                    ? string.Create(CultureInfo.InvariantCulture, $"{bytes / factor} {name}")
                    : string.Create(CultureInfo.InvariantCulture, $"{(double)bytes / factor:0.##} {name}");
            }
        }

        return string.Create(CultureInfo.InvariantCulture, $"{bytes} B");
    }
}
