namespace Nf.Linux;

/// <summary>
/// An AF_UNIX SEQPACKET socket: messages keep their borders, and descriptors travel beside them. Listening or
/// connected.
/// </summary>
/// <remarks>One thread sends and one receives at a time.</remarks>
public sealed class SeqPacketSocket : UnixSocket
{
    private SeqPacketSocket(FileDescriptor descriptor)
        : base(descriptor)
    {
    }

    /// <summary>Listens on a path; a socket file without a listener that is in the way is removed first.</summary>
    /// <param name="path">Absolute, at most 107 bytes.</param>
    /// <param name="mode">Permission bits of the socket file.</param>
    /// <param name="backlog">Connections that may wait.</param>
    /// <exception cref="LinuxException">
    /// EADDRINUSE when someone listens there, or the path is another kind of file.
    /// </exception>
    public static SeqPacketSocket Listen(
        string path, int mode = 0x180 /* 0600 */, int backlog = BacklogDefault) =>
        new(Make(Libc.SOCK_SEQPACKET, socket => UnixAddress.Listen(socket, path, Libc.SOCK_SEQPACKET, mode, backlog)));

    /// <summary>Connects to a path.</summary>
    /// <exception cref="LinuxException">ENOENT without such a file, ECONNREFUSED when nobody listens there.</exception>
    public static SeqPacketSocket Connect(string path) =>
        new(Make(Libc.SOCK_SEQPACKET, socket => UnixAddress.Connect(socket, path)));

    /// <summary>Takes over a received or inherited socket.</summary>
    /// <exception cref="ArgumentException">It is of another kind; the descriptor stays the caller's.</exception>
    public static SeqPacketSocket Adopt(FileDescriptor descriptor) => new(CheckKind(descriptor, Libc.SOCK_SEQPACKET));

    /// <summary>Two sockets connected to each other.</summary>
    public static (SeqPacketSocket First, SeqPacketSocket Second) SocketPair()
    {
        (FileDescriptor first, FileDescriptor second) = MakePair(Libc.SOCK_SEQPACKET);
        return (new SeqPacketSocket(first), new SeqPacketSocket(second));
    }

    /// <summary>Waits for a connection.</summary>
    public SeqPacketSocket Accept() => new(AcceptDescriptor(wait: true)!);

    /// <summary>Takes a waiting connection, or returns null.</summary>
    public SeqPacketSocket? TryAccept() =>
        AcceptDescriptor(wait: false) is { } descriptor ? new SeqPacketSocket(descriptor) : null;

    /// <summary>Sends one message, waiting for room.</summary>
    /// <param name="message">Not empty.</param>
    /// <param name="descriptors">At most 253; copies travel, these stay the caller's.</param>
    /// <exception cref="LinuxException">
    /// EPIPE when the other end is gone; EMSGSIZE when the message is too large.
    /// </exception>
    public void Send(ReadOnlySpan<byte> message, ReadOnlySpan<FileDescriptor> descriptors = default)
    {
        if (UnixMessage.Send(Descriptor, message, descriptors, wait: true, out _) == TransferStatus.Closed)
        {
            throw new LinuxException("sendmsg", Errno.EPIPE);
        }
    }

    /// <summary>Sends one message if there is room for it now.</summary>
    public TransferStatus TrySend(ReadOnlySpan<byte> message, ReadOnlySpan<FileDescriptor> descriptors = default) =>
        UnixMessage.Send(Descriptor, message, descriptors, wait: false, out _);

    /// <summary>Waits for one message.</summary>
    /// <param name="buffer">Receives it whole.</param>
    /// <param name="length">Its size in bytes.</param>
    /// <param name="descriptors">What came with it is added; the caller owns it. Untouched when this throws.</param>
    /// <returns><see cref="TransferStatus.Done"/>, or <see cref="TransferStatus.Closed"/> at end of file.</returns>
    /// <exception cref="LinuxException">
    /// EMSGSIZE when the message is larger than the buffer, EMFILE when descriptors were lost; everything that came
    /// with
    /// such a message is closed again, and the connection goes on.
    /// </exception>
    public TransferStatus Receive(Span<byte> buffer, out int length, List<FileDescriptor> descriptors)
    {
        ArgumentNullException.ThrowIfNull(descriptors);
        return UnixMessage.Receive(Descriptor, buffer, descriptors, wait: true, out length);
    }

    /// <summary>Receives one message if one is there; otherwise as <see cref="Receive"/>.</summary>
    public TransferStatus TryReceive(Span<byte> buffer, out int length, List<FileDescriptor> descriptors)
    {
        ArgumentNullException.ThrowIfNull(descriptors);
        return UnixMessage.Receive(Descriptor, buffer, descriptors, wait: false, out length);
    }
}
