using System.Text;

namespace Grpc.Core;

/// <summary>One thing a peer proved, such as its certificate's subject.</summary>
public class AuthProperty
{
    private readonly byte[] _rawValue;

    private AuthProperty(string name, byte[] rawValue)
    {
        Name = name;
        _rawValue = rawValue;
    }

    /// <summary>What it is.</summary>
    public string Name { get; }

    /// <summary>Its value as text.</summary>
    public string Value => Encoding.UTF8.GetString(_rawValue);

    /// <summary>A copy of its value.</summary>
    public byte[] ValueBytes => [.. _rawValue];

    /// <summary>A property with a copy of <paramref name="rawValue"/>.</summary>
    public static AuthProperty Create(string name, byte[] rawValue)
    {
        ArgumentNullException.ThrowIfNull(name);
        ArgumentNullException.ThrowIfNull(rawValue);
        return new AuthProperty(name, [.. rawValue]);
    }
}
