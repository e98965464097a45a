namespace Nf.Linux;

/// <summary>
/// An AF_UNIX STREAM socket with descriptors beside the bytes, as vhost-user speaks. Listening or connected.
/// </summary>
/// <remarks>
/// A stream has no borders: one receive may return part of what one send sent. The kernel ends a receive after the
/// bytes that descriptors came with, so a reader that asks for no more than its message never mixes two sets.
/// </remarks>
public sealed class UnixStreamSocket : UnixSocket
{
    private UnixStreamSocket(FileDescriptor descriptor)
        : base(descriptor)
    {
    }

    /// <inheritdoc cref="SeqPacketSocket.Listen"/>
    public static UnixStreamSocket Listen(
        string path, int mode = 0x180 /* 0600 */, int backlog = BacklogDefault) =>
        new(Make(Libc.SOCK_STREAM, socket => UnixAddress.Listen(socket, path, Libc.SOCK_STREAM, mode, backlog)));

    /// <inheritdoc cref="SeqPacketSocket.Connect"/>
    public static UnixStreamSocket Connect(string path) =>
        new(Make(Libc.SOCK_STREAM, socket => UnixAddress.Connect(socket, path)));

    /// <summary>Connects to a path without ever waiting for whoever listens there to accept.</summary>
    /// <exception cref="LinuxException">
    /// ENOENT without such a file, ECONNREFUSED when nobody listens there, EAGAIN when too many wait there already.
    /// </exception>
    public static UnixStreamSocket ConnectNow(string path) => new(Make(Libc.SOCK_STREAM | Libc.SOCK_NONBLOCK, socket =>
    {
        UnixAddress.Connect(socket, path);
        socket.SetNonBlocking(false);
    }));

    /// <inheritdoc cref="SeqPacketSocket.Adopt"/>
    public static UnixStreamSocket Adopt(FileDescriptor descriptor) => new(CheckKind(descriptor, Libc.SOCK_STREAM));

    /// <inheritdoc cref="SeqPacketSocket.SocketPair"/>
    public static (UnixStreamSocket First, UnixStreamSocket Second) SocketPair()
    {
        (FileDescriptor first, FileDescriptor second) = MakePair(Libc.SOCK_STREAM);
        return (new UnixStreamSocket(first), new UnixStreamSocket(second));
    }

    /// <summary>Waits for a connection.</summary>
    public UnixStreamSocket Accept() => new(AcceptDescriptor(wait: true)!);

    /// <summary>Takes a waiting connection, or returns null.</summary>
    public UnixStreamSocket? TryAccept() =>
        AcceptDescriptor(wait: false) is { } descriptor ? new UnixStreamSocket(descriptor) : null;

    /// <summary>Sends what there is room for; the descriptors go with the first byte, so only once.</summary>
    /// <param name="bytes">Not empty.</param>
    /// <param name="descriptors">At most 253; copies travel, these stay the caller's.</param>
    /// <param name="sent">How many bytes were taken.</param>
    public TransferStatus TrySend(
        ReadOnlySpan<byte> bytes, ReadOnlySpan<FileDescriptor> descriptors, out int sent) =>
        UnixMessage.Send(Descriptor, bytes, descriptors, wait: false, out sent);

    /// <summary>Sends everything, waiting for room.</summary>
    /// <exception cref="LinuxException">EPIPE when the other end is gone.</exception>
    public void Send(ReadOnlySpan<byte> bytes, ReadOnlySpan<FileDescriptor> descriptors = default)
    {
        while (!bytes.IsEmpty)
        {
            if (UnixMessage.Send(Descriptor, bytes, descriptors, wait: true, out int sent) == TransferStatus.Closed)
            {
                throw new LinuxException("sendmsg", Errno.EPIPE);
            }

            bytes = bytes[sent..];
            descriptors = default;
        }
    }

    /// <summary>Waits for some bytes, at most the buffer.</summary>
    /// <returns><see cref="TransferStatus.Done"/>, or <see cref="TransferStatus.Closed"/> at end of file.</returns>
    /// <exception cref="LinuxException">
    /// EMFILE when descriptors were lost; those that did arrive are closed again.
    /// </exception>
    public TransferStatus Receive(Span<byte> buffer, out int length, List<FileDescriptor> descriptors)
    {
        ArgumentNullException.ThrowIfNull(descriptors);
        return UnixMessage.Receive(Descriptor, buffer, descriptors, wait: true, out length);
    }

    /// <summary>Receives some bytes if any are there; otherwise as <see cref="Receive"/>.</summary>
    public TransferStatus TryReceive(Span<byte> buffer, out int length, List<FileDescriptor> descriptors)
    {
        ArgumentNullException.ThrowIfNull(descriptors);
        return UnixMessage.Receive(Descriptor, buffer, descriptors, wait: false, out length);
    }
}
