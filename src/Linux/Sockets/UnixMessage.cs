using System.Runtime.InteropServices;

namespace Nf.Linux;

/// <summary>One sendmsg or recvmsg on an AF_UNIX socket, with descriptors beside the bytes.</summary>
internal static unsafe class UnixMessage
{
    private static readonly int HeaderBytes = Align(sizeof(cmsghdr));

    // Room for every descriptor the kernel allows in a message.
    private static readonly int ControlBytesMax = HeaderBytes + Align(Libc.SCM_MAX_FD * sizeof(int));

    /// <summary>Sends bytes and descriptors.</summary>
    /// <param name="socket">Connected.</param>
    /// <param name="bytes">Not empty: descriptors need at least one byte to travel with.</param>
    /// <param name="descriptors">At most 253; they stay the caller's.</param>
    /// <param name="wait">Whether to wait for room.</param>
    /// <param name="sent">How many bytes were taken; all or none on a seqpacket socket.</param>
    internal static TransferStatus Send(
        FileDescriptor socket,
        ReadOnlySpan<byte> bytes,
        ReadOnlySpan<FileDescriptor> descriptors,
        bool wait,
        out int sent)
    {
        sent = 0;
        if (bytes.IsEmpty)
        {
            throw new ArgumentException("an empty message cannot be told from a closed connection", nameof(bytes));
        }

        if (descriptors.Length > Libc.SCM_MAX_FD)
        {
            throw new ArgumentException(
                $"{descriptors.Length} descriptors, the kernel allows {Libc.SCM_MAX_FD}", nameof(descriptors));
        }

        byte* control = stackalloc byte[ControlBytesMax];
        nuint controlBytes = WriteRights(control, descriptors);
        nint result;

        // SAFETY: the kernel reads bytes.Length bytes while the span is pinned, and controlBytes of control, which
        // holds that many; the descriptors named there are kept open until after the call by the loop below.
        fixed (byte* pointer = bytes)
        {
            var piece = new iovec { iov_base = pointer, iov_len = (nuint)bytes.Length };
            var message = new msghdr
            {
                msg_iov = &piece,
                msg_iovlen = 1,
                msg_control = controlBytes == 0 ? null : control,
                msg_controllen = controlBytes,
            };
            int flags = Libc.MSG_NOSIGNAL | (wait ? 0 : Libc.MSG_DONTWAIT);
            do
            {
                result = Libc.sendmsg(socket, &message, flags);
            }
            while (result < 0 && Result.LastErrno == Errno.EINTR);
        }

        Errno errno = result < 0 ? Result.LastErrno : Errno.None;
        foreach (FileDescriptor descriptor in descriptors)
        {
            GC.KeepAlive(descriptor);
        }

        switch (errno)
        {
            case Errno.None:
                sent = (int)result;
                return TransferStatus.Done;
            case Errno.EAGAIN when !wait:
                return TransferStatus.WouldBlock;
            case Errno.EPIPE or Errno.ECONNRESET or Errno.ENOTCONN:
                return TransferStatus.Closed;
            default:
                throw new LinuxException("sendmsg", errno);
        }
    }

    /// <summary>Receives bytes and descriptors.</summary>
    /// <param name="socket">Connected.</param>
    /// <param name="buffer">Receives the bytes.</param>
    /// <param name="descriptors">Received ones are added; the caller owns them. Untouched when this throws.</param>
    /// <param name="wait">Whether to wait for a message.</param>
    /// <param name="length">How many bytes of the buffer are filled.</param>
    /// <exception cref="LinuxException">
    /// recvmsg failed; or EMSGSIZE when the message is larger than the buffer, or EMFILE when descriptors were lost
    /// because this process may open no more. Whatever was received with it is closed again.
    /// </exception>
    internal static TransferStatus Receive(
        FileDescriptor socket, Span<byte> buffer, List<FileDescriptor> descriptors, bool wait, out int length)
    {
        length = 0;
        byte* control = stackalloc byte[ControlBytesMax];
        nint result;
        msghdr message;

        // SAFETY: the kernel writes at most buffer.Length bytes while the span is pinned, and at most ControlBytesMax
        // bytes of control; both sizes are told to it.
        fixed (byte* pointer = buffer)
        {
            do
            {
                var piece = new iovec { iov_base = pointer, iov_len = (nuint)buffer.Length };
                message = new msghdr
                {
                    msg_iov = &piece,
                    msg_iovlen = 1,
                    msg_control = control,
                    msg_controllen = (nuint)ControlBytesMax,
                };
                int flags = Libc.MSG_CMSG_CLOEXEC | (wait ? 0 : Libc.MSG_DONTWAIT);
                result = Libc.recvmsg(socket, &message, flags);
            }
            while (result < 0 && Result.LastErrno == Errno.EINTR);
        }

        if (result < 0)
        {
            return Result.LastErrno switch
            {
                Errno.EAGAIN when !wait => TransferStatus.WouldBlock,
                Errno.ECONNRESET => TransferStatus.Closed,
                Errno errno => throw new LinuxException("recvmsg", errno),
            };
        }

        List<FileDescriptor> received = ReadRights(control, message.msg_controllen);
        if (result == 0 || (message.msg_flags & (Libc.MSG_TRUNC | Libc.MSG_CTRUNC)) != 0)
        {
            received.ForEach(descriptor => descriptor.Dispose());
            return result == 0
                ? TransferStatus.Closed
                : throw Truncated(message.msg_flags);
        }

        descriptors.AddRange(received);
        length = (int)result;
        return TransferStatus.Done;
    }

    private static LinuxException Truncated(int flags) => (flags & Libc.MSG_TRUNC) != 0
        ? new LinuxException("recvmsg(MSG_TRUNC)", Errno.EMSGSIZE)
        : new LinuxException("recvmsg(MSG_CTRUNC)", Errno.EMFILE);

    private static nuint WriteRights(byte* control, ReadOnlySpan<FileDescriptor> descriptors)
    {
        if (descriptors.IsEmpty)
        {
            return 0;
        }

        // SAFETY: control has room for SCM_MAX_FD descriptors and the caller has checked that there are no more.
        new Span<byte>(control, ControlBytesMax).Clear();
        var header = (cmsghdr*)control;
        header->cmsg_len = (nuint)(HeaderBytes + (descriptors.Length * sizeof(int)));
        header->cmsg_level = Libc.SOL_SOCKET;
        header->cmsg_type = Libc.SCM_RIGHTS;
        int* numbers = (int*)(control + HeaderBytes);
        for (int i = 0; i < descriptors.Length; i++)
        {
            numbers[i] = descriptors[i].Number;
        }

        return (nuint)(HeaderBytes + Align(descriptors.Length * sizeof(int)));
    }

    // The control data is the kernel's, but its lengths are checked all the same: they bound what is read.
    private static List<FileDescriptor> ReadRights(byte* control, nuint controlBytes)
    {
        var descriptors = new List<FileDescriptor>();
        var rest = new ReadOnlySpan<byte>(control, (int)Math.Min(controlBytes, (nuint)ControlBytesMax));
        while (rest.Length >= HeaderBytes)
        {
            cmsghdr header = MemoryMarshal.Read<cmsghdr>(rest);
            if (header.cmsg_len < (nuint)HeaderBytes || header.cmsg_len > (nuint)rest.Length)
            {
                break;
            }

            ReadOnlySpan<byte> data = rest[HeaderBytes..(int)header.cmsg_len];
            if (header.cmsg_level == Libc.SOL_SOCKET && header.cmsg_type == Libc.SCM_RIGHTS)
            {
                foreach (int number in MemoryMarshal.Cast<byte, int>(data))
                {
                    descriptors.Add(new FileDescriptor(number));
                }
            }

            rest = rest[Math.Min(Align((int)header.cmsg_len), rest.Length)..];
        }

        return descriptors;
    }

    private static int Align(int length) => (length + sizeof(nuint) - 1) & ~(sizeof(nuint) - 1);
}
