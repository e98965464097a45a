using System.Globalization;
using System.Net;
using System.Net.Sockets;
using System.Runtime.CompilerServices;

namespace Nf.DataPlane.Cpumaps;

/// <summary>The four words of an address, in the host's byte order; IPv4 has the first, the others are 0.</summary>
[InlineArray(4)]
internal struct IpWords
{
    private uint _first;
}

/// <summary>A prefix of IPv4 or IPv6 addresses.</summary>
internal readonly record struct IpPrefix
{
    private IpPrefix(int version, IpWords words, int length)
    {
        Version = version;
        Words = words;
        Length = length;
    }

    /// <summary>4 or 6.</summary>
    internal int Version { get; }

    /// <summary>The address; bits beyond the length are zero.</summary>
    internal IpWords Words { get; }

    /// <summary>Bits that count: 0 to 32 or 128.</summary>
    internal int Length { get; }

    /// <summary>Reads 192.0.2.0/24, 2001:db8::/32, or an address alone, which is its own prefix.</summary>
    /// <param name="text">The text.</param>
    /// <param name="prefix">The prefix.</param>
    /// <param name="fault">What is wrong with the text otherwise.</param>
    internal static bool TryParse(string text, out IpPrefix prefix, out string fault)
    {
        prefix = default;
        int slash = text.IndexOf('/', StringComparison.Ordinal);
        string addressText = slash < 0 ? text : text[..slash];
        if (!TryParseAddress(addressText, out IPAddress? address))
        {
            fault = $"\"{text}\": an IPv4 or IPv6 prefix such as 192.0.2.0/24 or 2001:db8::/32";
            return false;
        }

        byte[] bytes = address.GetAddressBytes();
        int most = bytes.Length * 8;
        int length = most;
        if (slash >= 0
            && (!int.TryParse(text.AsSpan(slash + 1), NumberStyles.None, CultureInfo.InvariantCulture, out length)
                || length > most))
        {
            fault = $"\"{text}\": the length behind the slash is 0 to {most}";
            return false;
        }

        var words = default(IpWords);
        for (int i = 0; i < bytes.Length; i++)
        {
            words[i / 4] |= (uint)bytes[i] << (24 - (8 * (i % 4)));
        }

        for (int i = 0; i < 4; i++)
        {
            if ((words[i] & ~Mask(length, i)) != 0)
            {
                fault = $"\"{text}\": bits beyond the length {length} must be zero";
                return false;
            }
        }

        prefix = new IpPrefix(bytes.Length == 4 ? 4 : 6, words, length);
        fault = "";
        return true;
    }

    /// <summary>The bits of a word that a prefix of some length has.</summary>
    internal static uint Mask(int length, int word)
    {
        int bits = Math.Clamp(length - (32 * word), 0, 32);
        return bits == 0 ? 0 : uint.MaxValue << (32 - bits);
    }

    /// <summary>Words in place of an array, which a record would compare by reference.</summary>
    public bool Equals(IpPrefix other)
    {
        IpWords mine = Words;
        IpWords theirs = other.Words;
        return Version == other.Version && Length == other.Length
            && ((ReadOnlySpan<uint>)mine).SequenceEqual(theirs);
    }

    /// <inheritdoc/>
    public override int GetHashCode() => HashCode.Combine(Version, Length, Words[0], Words[1], Words[2], Words[3]);

    // The parser of the runtime also takes numbers with fewer dots, octal ones and zones.
    private static bool TryParseAddress(string text, out IPAddress address)
    {
        if (!IPAddress.TryParse(text, out IPAddress? parsed))
        {
            address = IPAddress.None;
            return false;
        }

        address = parsed;
        return parsed.AddressFamily == AddressFamily.InterNetwork
            ? parsed.ToString() == text
            : !text.Contains('%', StringComparison.Ordinal) && !text.Contains('[', StringComparison.Ordinal);
    }
}
