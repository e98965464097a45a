using System.Runtime.CompilerServices;
using System.Text;

namespace Nf.SharedMemory.Broker;

/// <summary>A one-time token, or zeroes for none.</summary>
[InlineArray(BrokerProtocol.TokenBytes)]
public struct BrokerToken
{
    private byte _first;

    /// <summary>Whether this is no token.</summary>
    public readonly bool IsZero => !((ReadOnlySpan<byte>)this).ContainsAnyExcept((byte)0);

    /// <summary>A token of these bytes.</summary>
    /// <param name="bytes">Exactly <see cref="BrokerProtocol.TokenBytes"/>.</param>
    public static BrokerToken From(ReadOnlySpan<byte> bytes)
    {
        ArgumentOutOfRangeException.ThrowIfNotEqual(bytes.Length, BrokerProtocol.TokenBytes);
        BrokerToken token = default;
        bytes.CopyTo(token);
        return token;
    }
}

/// <summary>What proves that somebody was given a lease.</summary>
[InlineArray(BrokerProtocol.SecretBytes)]
public struct LeaseSecret
{
    private byte _first;

    /// <summary>A secret of these bytes.</summary>
    /// <param name="bytes">Exactly <see cref="BrokerProtocol.SecretBytes"/>.</param>
    public static LeaseSecret From(ReadOnlySpan<byte> bytes)
    {
        ArgumentOutOfRangeException.ThrowIfNotEqual(bytes.Length, BrokerProtocol.SecretBytes);
        LeaseSecret secret = default;
        bytes.CopyTo(secret);
        return secret;
    }
}

/// <summary>The name of an interface, filled up with zeroes.</summary>
[InlineArray(BrokerProtocol.InterfaceNameBytes)]
public struct InterfaceName
{
    private byte _first;

    /// <summary>As text; null when a byte cannot be in a name, or something follows its zero.</summary>
    public readonly string? Text
    {
        get
        {
            ReadOnlySpan<byte> bytes = this;
            int length = bytes.IndexOf((byte)0);
            if (length < 0 || bytes[length..].ContainsAnyExcept((byte)0)
                || bytes[..length].ContainsAnyExceptInRange((byte)0x21, (byte)0x7e)
                || bytes[..length].Contains((byte)'/'))
            {
                return null;
            }

            return Encoding.ASCII.GetString(bytes[..length]);
        }
    }

    /// <summary>The bytes of a name.</summary>
    /// <exception cref="ArgumentException">Longer than 15 bytes, or not ASCII.</exception>
    public static InterfaceName From(string name)
    {
        ArgumentNullException.ThrowIfNull(name);
        InterfaceName bytes = default;
        if (name.Length >= BrokerProtocol.InterfaceNameBytes || !Ascii.IsValid(name))
        {
            throw new ArgumentException($"\"{name}\" is no name of an interface: at most 15 ASCII bytes", nameof(name));
        }

        Encoding.ASCII.GetBytes(name, bytes);
        return bytes;
    }
}

/// <summary>A link-layer address of Ethernet.</summary>
[InlineArray(6)]
public struct MacBytes
{
    private byte _first;
}
