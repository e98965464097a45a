using System.Buffers.Binary;

namespace Nf.DataPlane.Tests.Steering;

/// <summary>
/// Makes frames of every kind that rules tell apart, from few values each, so that rules match often; and spoils them.
/// Seeded: the same frames every time.
/// </summary>
internal sealed class PacketMaker(int seed)
{
    private static readonly byte[] Extensions = [0, 43, 60, 135, 139, 140, 51, 44];
    private static readonly byte[] Protocols = [6, 17, 132, 1, 58, 50, 59];
    private static readonly ushort[] Ports = [0, 53, 67, 80, 443, 546, 1000, 1001, 1063, 3784, 8080, 65535];

    private readonly Random _random = new(seed);
    private readonly List<byte> _bytes = [];

    /// <summary>A well-formed frame.</summary>
    internal byte[] Make()
    {
        _bytes.Clear();
        AddMac();
        AddMac();
        for (int tags = _random.Next(4) == 0 ? _random.Next(1, 6) : 0; tags > 0; tags--)
        {
            AddHalf(_random.Next(2) == 0 ? 0x8100 : 0x88a8);
            AddHalf(_random.Next(4) << 12 | _random.Next(98, 102));
        }

        switch (_random.Next(12))
        {
            case 0:
                AddHalf(Pick<ushort>(0x0806, 0x88cc, 0x0000, 0x05dc, 0x9000));
                AddRandom(_random.Next(60));
                break;
            case < 7:
                AddHalf(0x0800);
                AddIpv4();
                break;
            default:
                AddHalf(0x86dd);
                AddIpv6();
                break;
        }

        while (_bytes.Count < 14)
        {
            _bytes.Add(0);
        }

        return [.. _bytes];
    }

    /// <summary>A frame with some bytes changed, or its end cut off.</summary>
    internal byte[] MakeSpoiled()
    {
        byte[] frame = Make();
        for (int changes = _random.Next(4); changes > 0; changes--)
        {
            frame[_random.Next(frame.Length)] = (byte)_random.Next(256);
        }

        return _random.Next(3) == 0 ? frame[.._random.Next(14, frame.Length + 1)] : frame;
    }

    /// <summary>One of some values.</summary>
    internal T Pick<T>(params ReadOnlySpan<T> values) => values[_random.Next(values.Length)];

    /// <summary>A number below a limit.</summary>
    internal int Next(int below) => _random.Next(below);

    private void AddIpv4()
    {
        int options = _random.Next(4) == 0 ? _random.Next(1, 11) : 0;
        byte protocol = Pick<byte>(Protocols);
        int fragment = _random.Next(5) switch
        {
            0 => 0x2000, // the first of some
            1 => _random.Next(1, 0x2000) | (_random.Next(2) * 0x2000),
            _ => 0x4000 * _random.Next(2),
        };
        _bytes.AddRange([(byte)(0x45 + options), 0, 0, 0, 0, 0, (byte)(fragment >> 8), (byte)fragment, 64, protocol]);
        AddHalf(0);
        AddAddress4();
        AddAddress4();
        AddRandom(4 * options);
        AddTransport(protocol);
    }

    private void AddIpv6()
    {
        byte protocol = Pick<byte>(Protocols);
        byte[] extensions = new byte[_random.Next(3) == 0 ? _random.Next(1, 11) : 0];
        for (int i = 0; i < extensions.Length; i++)
        {
            extensions[i] = Pick<byte>(Extensions);
        }

        byte NextOf(int i) => i < extensions.Length ? extensions[i] : protocol;
        _bytes.AddRange([0x60, 0, 0, 0, 0, 0, NextOf(0), 64]);
        AddAddress6();
        AddAddress6();
        for (int i = 0; i < extensions.Length; i++)
        {
            AddExtension(extensions[i], NextOf(i + 1));
        }

        AddTransport(protocol);
    }

    private void AddExtension(byte kind, byte next)
    {
        _bytes.Add(next);
        if (kind == 44)
        {
            _bytes.Add(0);
            AddHalf(_random.Next(3) switch { 0 => 0, 1 => 1, _ => _random.Next(0x10000) });
            AddRandom(4);
            return;
        }

        int units = _random.Next(3);
        _bytes.Add((byte)units);
        AddRandom(kind == 51 ? ((units + 2) * 4) - 2 : ((units + 1) * 8) - 2);
    }

    private void AddTransport(byte protocol)
    {
        if (protocol is 58)
        {
            _bytes.Add((byte)_random.Next(130, 140));
        }

        AddHalf(Pick<ushort>(Ports));
        AddHalf(Pick<ushort>(Ports));
        AddRandom(_random.Next(40));
    }

    private void AddMac() => _bytes.AddRange([2, 0, 0, 0, (byte)_random.Next(2), (byte)_random.Next(3)]);

    private void AddAddress4() =>
        _bytes.AddRange([10, (byte)_random.Next(3), (byte)_random.Next(3), (byte)_random.Next(256)]);

    private void AddAddress6()
    {
        _bytes.AddRange([0x20, 0x01, 0x0d, 0xb8, 0, (byte)_random.Next(3), 0, (byte)_random.Next(3)]);
        AddRandom(8);
    }

    private void AddHalf(int value)
    {
        Span<byte> bytes = stackalloc byte[2];
        BinaryPrimitives.WriteUInt16BigEndian(bytes, (ushort)value);
        _bytes.AddRange(bytes);
    }

    private void AddRandom(int count)
    {
        for (; count > 0; count--)
        {
            _bytes.Add((byte)_random.Next(256));
        }
    }
}
