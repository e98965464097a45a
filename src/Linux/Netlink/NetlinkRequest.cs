using System.Runtime.InteropServices;
using System.Text;

namespace Nf.Linux;

/// <summary>Builds one request message.</summary>
internal sealed class NetlinkRequest
{
    private readonly List<byte> _bytes = [];

    internal NetlinkRequest(ushort type, ushort flags)
    {
        Append(new nlmsghdr { nlmsg_type = type, nlmsg_flags = (ushort)(flags | Libc.NLM_F_REQUEST) });
    }

    /// <summary>Adds the family's own header.</summary>
    internal NetlinkRequest Append<T>(in T header)
        where T : unmanaged
    {
        _bytes.AddRange(MemoryMarshal.AsBytes(new ReadOnlySpan<T>(in header)));
        return this;
    }

    /// <summary>Adds an attribute that is a number.</summary>
    internal NetlinkRequest Add<T>(ushort type, in T value)
        where T : unmanaged => Add(type, MemoryMarshal.AsBytes(new ReadOnlySpan<T>(in value)));

    /// <summary>Adds an attribute that is text with its zero byte.</summary>
    internal NetlinkRequest Add(ushort type, string value) => Add(type, Encoding.UTF8.GetBytes(value + '\0'));

    /// <summary>The message, numbered.</summary>
    internal byte[] Finish(uint sequence)
    {
        byte[] message = [.. _bytes];
        ref nlmsghdr header = ref MemoryMarshal.AsRef<nlmsghdr>(message.AsSpan());
        header.nlmsg_len = (uint)message.Length;
        header.nlmsg_seq = sequence;
        return message;
    }

    private NetlinkRequest Add(ushort type, ReadOnlySpan<byte> value)
    {
        const int HeaderBytes = 4;
        Append(new nlattr { nla_type = type, nla_len = checked((ushort)(HeaderBytes + value.Length)) });
        _bytes.AddRange(value);
        while (_bytes.Count != NetlinkAttributes.Align(_bytes.Count))
        {
            _bytes.Add(0);
        }

        return this;
    }
}
