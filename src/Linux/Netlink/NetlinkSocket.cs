using System.Runtime.InteropServices;

namespace Nf.Linux;

/// <summary>Handles one message of an answer; the span is valid during the call only.</summary>
internal delegate void NetlinkMessageHandler(nlmsghdr header, ReadOnlySpan<byte> payload);

/// <summary>
/// A netlink socket of the network namespace in which it was made: requests and answers, or notifications.
/// </summary>
internal sealed unsafe class NetlinkSocket : IDisposable
{
    // The kernel builds dump datagrams of at most 32 KiB; a single link with many sub-attributes may exceed a page.
    private const int BufferBytes = 64 << 10;

    // Arbitrary: a dump that is disturbed more often than that gives up.
    private const int DumpAttemptCountMax = 10;

    private readonly byte[] _buffer = new byte[BufferBytes];
    private uint _sequence;

    internal NetlinkSocket(int protocol, uint groups = 0)
    {
        Descriptor = FileDescriptor.Socket(Libc.AF_NETLINK, Libc.SOCK_RAW, protocol);
        try
        {
            var address = new sockaddr_nl { nl_family = Libc.AF_NETLINK, nl_groups = groups };

            // SAFETY: address is a local of the size given.
            Result.Check(Libc.bind(Descriptor, &address, (uint)sizeof(sockaddr_nl)), "bind(AF_NETLINK)");
        }
        catch
        {
            Descriptor.Dispose();
            throw;
        }
    }

    internal FileDescriptor Descriptor { get; }

    /// <summary>Sends a request and hands every message of the answer to the handler, up to its end.</summary>
    /// <exception cref="LinuxException">The kernel answered with an error; carries <paramref name="call"/>.</exception>
    internal void Request(NetlinkRequest request, string call, NetlinkMessageHandler handler)
    {
        byte[] message = request.Finish(++_sequence);
        Send(message, call);
        ushort requested = MemoryMarshal.Read<nlmsghdr>(message).nlmsg_flags;

        // Dumps end with NLMSG_DONE, acknowledged requests with NLMSG_ERROR; the others have one answer and no end.
        bool single = (requested & (Libc.NLM_F_DUMP | Libc.NLM_F_ACK)) == 0;
        bool disturbed = false;
        bool over = false;
        while (!over)
        {
            var reader = new NetlinkReader(Receive(wait: true, call));
            while (!over && reader.TryRead(out nlmsghdr header, out ReadOnlySpan<byte> payload))
            {
                // Left over from a request that was given up.
                if (header.nlmsg_seq != _sequence)
                {
                    continue;
                }

                disturbed |= (header.nlmsg_flags & Libc.NLM_F_DUMP_INTR) != 0;
                over = Handle(header, payload, call, handler) || single;
            }
        }

        if (disturbed)
        {
            throw new NetlinkDisturbedException(call);
        }
    }

    /// <summary>Runs a dump again when something changed in the middle of it.</summary>
    internal static T Undisturbed<T>(Func<T> dump)
    {
        for (int attempt = 1; ; attempt++)
        {
            try
            {
                return dump();
            }
            catch (NetlinkDisturbedException) when (attempt < DumpAttemptCountMax)
            {
                // Changed while being listed; list again.
            }
        }
    }

    /// <summary>One datagram from the kernel; empty when there is none and it should not wait.</summary>
    /// <exception cref="LinuxException">
    /// ENOBUFS when notifications were lost; EMSGSIZE for one that is too large.
    /// </exception>
    internal ReadOnlySpan<byte> Receive(bool wait, string call)
    {
        while (true)
        {
            var sender = new sockaddr_nl();
            uint senderBytes = (uint)sizeof(sockaddr_nl);
            int flags = Libc.MSG_TRUNC | (wait ? 0 : Libc.MSG_DONTWAIT);
            nint length;

            // SAFETY: the buffer is pinned for the call and the kernel is told its size; sender is a local of its size.
            fixed (byte* buffer = _buffer)
            {
                length = Libc.recvfrom(Descriptor, buffer, BufferBytes, flags, &sender, &senderBytes);
            }

            if (length < 0)
            {
                switch (Result.LastErrno)
                {
                    case Errno.EINTR:
                        continue;
                    case Errno.EAGAIN when !wait:
                        return default;
                    default:
                        Result.Throw($"{call}: recvfrom(AF_NETLINK)");
                        break;
                }
            }

            // With MSG_TRUNC the result is the datagram's true size.
            if (length > BufferBytes)
            {
                throw new LinuxException($"{call}: recvfrom(AF_NETLINK, {length} bytes)", Errno.EMSGSIZE);
            }

            // Port 0 is the kernel; other processes can send to this socket, too.
            if (sender.nl_pid == 0 && length > 0)
            {
                return _buffer.AsSpan(0, (int)length);
            }
        }
    }

    public void Dispose() => Descriptor.Dispose();

    private static bool Handle(nlmsghdr header, ReadOnlySpan<byte> payload, string call, NetlinkMessageHandler handler)
    {
        switch (header.nlmsg_type)
        {
            case Libc.NLMSG_ERROR or Libc.NLMSG_DONE:
                // Both start with a negative errno, or zero; some kernels end a dump without it.
                int error = payload.Length >= sizeof(int) ? MemoryMarshal.Read<int>(payload) : 0;
                return error >= 0 ? true : throw new LinuxException(call, (Errno)(-error));
            default:
                handler(header, payload);
                return false;
        }
    }

    private void Send(byte[] message, string call)
    {
        var kernel = new sockaddr_nl { nl_family = Libc.AF_NETLINK };
        nint result;

        // SAFETY: the message is pinned for the call; kernel is a local of the size given.
        fixed (byte* pointer = message)
        {
            do
            {
                result = Libc.sendto(
                    Descriptor, pointer, (nuint)message.Length, 0, &kernel, (uint)sizeof(sockaddr_nl));
            }
            while (result < 0 && Result.LastErrno == Errno.EINTR);
        }

        Result.Check(result, $"{call}: sendto(AF_NETLINK)");
    }
}
