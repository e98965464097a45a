using System.Globalization;
using System.Net;
using System.Net.Sockets;

namespace Nf.Service;

/// <summary>An IPv4 or IPv6 prefix, as <c>192.0.2.0/24</c> or <c>2001:db8::/32</c>.</summary>
/// <param name="IsIpv6">Which of the two.</param>
/// <param name="Bits">The address, in the low bits.</param>
/// <param name="Length">How many bits of it count.</param>
internal readonly record struct IpPrefix(bool IsIpv6, UInt128 Bits, int Length)
{
    private const int Ipv4Bits = 32;
    private const int Ipv6Bits = 128;

    /// <summary>Reads a prefix.</summary>
    /// <param name="text">An address, a slash and a length.</param>
    /// <param name="fault">The rule it breaks; empty when it breaks none.</param>
    /// <returns>The prefix, or null when it is none.</returns>
    public static IpPrefix? TryParse(string text, out string fault)
    {
        int slash = text.IndexOf('/', StringComparison.Ordinal);
        ReadOnlySpan<char> address = slash < 0 ? text : text.AsSpan(0, slash);
        bool isIpv6 = address.Contains(':');
        if (slash < 0 || !IsPlain(address, isIpv6) || !IPAddress.TryParse(address, out IPAddress? parsed)
            || parsed.AddressFamily != (isIpv6 ? AddressFamily.InterNetworkV6 : AddressFamily.InterNetwork))
        {
            fault = $"\"{Shorten(text)}\" is no prefix such as 192.0.2.0/24 or 2001:db8::/32";
            return null;
        }

        int width = isIpv6 ? Ipv6Bits : Ipv4Bits;
        bool isNumber = int.TryParse(
            text.AsSpan(slash + 1), NumberStyles.None, CultureInfo.InvariantCulture, out int length);
        if (!isNumber || length > width)
        {
            fault = $"\"{Shorten(text)}\": the length is not within 0 to {width}";
            return null;
        }

        UInt128 bits = BitsOf(parsed);
        UInt128 mask = length == 0 ? UInt128.Zero : UInt128.MaxValue << (width - length);
        if ((bits & ~mask) != UInt128.Zero)
        {
            fault = $"\"{text}\" has bits beyond its length";
            return null;
        }

        fault = "";
        return new IpPrefix(isIpv6, bits, length);
    }

    private static UInt128 BitsOf(IPAddress address)
    {
        Span<byte> bytes = stackalloc byte[16];
        address.TryWriteBytes(bytes, out int count);
        UInt128 bits = UInt128.Zero;
        foreach (byte part in bytes[..count])
        {
            bits = (bits << 8) | part;
        }

        return bits;
    }

    // The library also reads "10", "0x7f.1", "010.0.0.1" (octal) and "fe80::1%2".
    private static bool IsPlain(ReadOnlySpan<char> address, bool isIpv6)
    {
        if (isIpv6)
        {
            return !address.ContainsAny('%', '[');
        }

        int dots = 0;
        for (int i = 0; i < address.Length; i++)
        {
            bool begins = i == 0 || address[i - 1] == '.';
            bool isDot = address[i] == '.';
            dots += isDot ? 1 : 0;
            if (!isDot && !char.IsAsciiDigit(address[i]))
            {
                return false;
            }

            if (begins && address[i] == '0' && i + 1 < address.Length && address[i + 1] != '.')
            {
                return false;
            }
        }

        return dots == 3;
    }

    // A stranger's text goes into a message only in part.
    private static string Shorten(string text) => text.Length <= 64 ? text : text[..64] + "…";
}
