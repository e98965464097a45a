using System.Buffers;
using System.Globalization;

namespace Nf.Ctl.Parsing;

/// <summary>Whole numbers, decimal.</summary>
internal static class Numbers
{
    private const uint ModeMax = 0x1ff; // 0777

    private static readonly SearchValues<char> NumberCharacters = SearchValues.Create("0123456789.");

    /// <summary>How many characters of a text such as <c>1.5GiB</c> are its number.</summary>
    internal static int LengthOfNumber(string text)
    {
        int length = text.AsSpan().IndexOfAnyExcept(NumberCharacters);
        return length < 0 ? text.Length : length;
    }

    /// <summary>A number that may have a fraction, but no sign, exponent or blanks.</summary>
    internal static bool TryDecimal(ReadOnlySpan<char> text, out decimal number)
    {
        return decimal.TryParse(text, NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture, out number);
    }

    /// <summary>A 32-bit number.</summary>
    /// <exception cref="FormatException">Not a number from 0 to 4294967295.</exception>
    internal static uint UInt32(string text)
    {
        return uint.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out uint number)
            ? number
            : throw new FormatException($"'{text}' is not a whole number from 0 to {uint.MaxValue}");
    }

    /// <summary>As <see cref="UInt32"/>, for an option whose absence means something.</summary>
    internal static uint? OptionalUInt32(string text) => UInt32(text);

    /// <summary>A 64-bit number, for an option whose absence means something.</summary>
    /// <exception cref="FormatException">Not a number from 0 to 2^64 - 1.</exception>
    internal static ulong? OptionalUInt64(string text)
    {
        return ulong.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out ulong number)
            ? number
            : throw new FormatException($"'{text}' is not a whole number from 0 to {ulong.MaxValue}");
    }

    /// <summary>A number above zero.</summary>
    /// <exception cref="FormatException">Not a number from 1 to 4294967295.</exception>
    internal static uint? Positive(string text)
    {
        uint number = UInt32(text);
        return number > 0 ? number : throw new FormatException("must be at least 1");
    }

    /// <summary>Permission bits as chmod takes them: octal, with or without a leading zero.</summary>
    /// <exception cref="FormatException">Not octal, or more than permission bits.</exception>
    internal static uint Mode(string text)
    {
        uint mode = 0;
        bool isOctal = text.Length is > 0 and <= 4 && text.All(c => c is >= '0' and <= '7');
        foreach (char digit in isOctal ? text : "")
        {
            mode = (mode << 3) | (uint)(digit - '0');
        }

        return isOctal && mode is > 0 and <= ModeMax
            ? mode
            : throw new FormatException($"'{text}' is no file mode; write it like 0660");
    }

    /// <summary>Permission bits as chmod takes them.</summary>
    internal static string FormatMode(uint mode) => "0" + Convert.ToString(mode, 8);
}
