using System.Runtime.InteropServices;
using System.Text;

namespace Nf.Linux;

/// <summary>Reads the messages of a datagram front to back; every read checks what is left.</summary>
internal ref struct NetlinkReader(ReadOnlySpan<byte> datagram)
{
    private const int HeaderBytes = 16;
    private ReadOnlySpan<byte> _rest = datagram;

    /// <summary>The next message, or false at the end.</summary>
    /// <exception cref="InvalidDataException">A length does not fit.</exception>
    internal bool TryRead(out nlmsghdr header, out ReadOnlySpan<byte> payload)
    {
        header = default;
        payload = default;
        if (_rest.IsEmpty)
        {
            return false;
        }

        if (_rest.Length < HeaderBytes)
        {
            throw new InvalidDataException($"netlink message header of {_rest.Length} bytes");
        }

        header = MemoryMarshal.Read<nlmsghdr>(_rest);
        if (header.nlmsg_len < HeaderBytes || header.nlmsg_len > (uint)_rest.Length)
        {
            throw new InvalidDataException($"netlink message of {header.nlmsg_len} bytes, {_rest.Length} are there");
        }

        int length = (int)header.nlmsg_len;
        payload = _rest[HeaderBytes..length];
        _rest = _rest[Math.Min(NetlinkAttributes.Align(length), _rest.Length)..];
        return true;
    }
}

/// <summary>Reads attributes front to back; every read checks what is left.</summary>
internal ref struct NetlinkAttributes(ReadOnlySpan<byte> bytes)
{
    private const int HeaderBytes = 4;
    private ReadOnlySpan<byte> _rest = bytes;

    /// <summary>The next attribute, or false at the end.</summary>
    /// <exception cref="InvalidDataException">A length does not fit.</exception>
    internal bool TryRead(out int type, out ReadOnlySpan<byte> value)
    {
        type = 0;
        value = default;
        if (_rest.IsEmpty)
        {
            return false;
        }

        if (_rest.Length < HeaderBytes)
        {
            throw new InvalidDataException($"netlink attribute header of {_rest.Length} bytes");
        }

        nlattr header = MemoryMarshal.Read<nlattr>(_rest);
        if (header.nla_len < HeaderBytes || header.nla_len > _rest.Length)
        {
            throw new InvalidDataException($"netlink attribute of {header.nla_len} bytes, {_rest.Length} are there");
        }

        type = header.nla_type & Libc.NLA_TYPE_MASK;
        value = _rest[HeaderBytes..header.nla_len];
        _rest = _rest[Math.Min(Align(header.nla_len), _rest.Length)..];
        return true;
    }

    internal static int Align(int length) => (length + 3) & ~3;

    /// <summary>A number of exactly this type's size.</summary>
    internal static T Number<T>(ReadOnlySpan<byte> value)
        where T : unmanaged
    {
        if (value.Length != Marshal.SizeOf<T>())
        {
            throw new InvalidDataException($"netlink number of {value.Length} bytes, not {Marshal.SizeOf<T>()}");
        }

        return MemoryMarshal.Read<T>(value);
    }

    /// <summary>A number of four or eight bytes, as newer families send it.</summary>
    internal static ulong Unsigned(ReadOnlySpan<byte> value) => value.Length == sizeof(uint)
        ? Number<uint>(value)
        : Number<ulong>(value);

    /// <summary>Text up to its zero byte.</summary>
    internal static string Text(ReadOnlySpan<byte> value)
    {
        int end = value.IndexOf((byte)0);
        return Encoding.UTF8.GetString(end < 0 ? value : value[..end]);
    }
}
