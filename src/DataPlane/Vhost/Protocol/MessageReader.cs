using Nf.Linux;

namespace Nf.DataPlane.Vhost.Protocol;

/// <summary>How an attempt to read a message ended.</summary>
internal enum ReadStatus
{
    /// <summary>There is a message.</summary>
    Message,

    /// <summary>Nothing, or not yet all of it, has come.</summary>
    Wait,

    /// <summary>The front-end has left, between two messages.</summary>
    Closed,
}

/// <summary>
/// Puts messages together from a stream, however it is cut, without ever waiting.
/// </summary>
/// <remarks>
/// Header and payload are received separately, and never a byte beyond them: the kernel hands out descriptors with the
/// bytes they were sent with, so a receive across the border of two messages would give one the descriptors of the
/// other.
/// </remarks>
/// <param name="stream">Where they come from; not owned.</param>
/// <param name="checkHeader">Throws <see cref="VhostFatalException"/> for a header whose payload is not to be
/// read.</param>
internal sealed class MessageReader(IMessageStream stream, Action<MessageHeader> checkHeader) : IDisposable
{
    private readonly byte[] _buffer = new byte[MessageHeader.Bytes + MessageHeader.PayloadBytesMax];
    private MessageHeader _header;
    private int _filled;
    private bool _complete;

    /// <summary>Whether part of a message has been read.</summary>
    internal bool IsPartial => _filled != 0 && !_complete;

    /// <summary>The header of the message read last.</summary>
    internal MessageHeader Header => _header;

    /// <summary>Its payload; valid until the next read.</summary>
    internal ReadOnlySpan<byte> Payload => _buffer.AsSpan(MessageHeader.Bytes, (int)_header.PayloadBytes);

    /// <summary>Its descriptors; what is not taken is closed by the next read.</summary>
    internal DescriptorSet Descriptors { get; } = new();

    /// <summary>Reads on.</summary>
    /// <exception cref="VhostFatalException">What came cannot be a message.</exception>
    internal ReadStatus TryRead()
    {
        if (_complete)
        {
            _complete = false;
            _filled = 0;
            Descriptors.Dispose();
        }

        while (_filled < MessageHeader.Bytes)
        {
            if (Receive(MessageHeader.Bytes) is { } status)
            {
                return status;
            }

            if (_filled == MessageHeader.Bytes)
            {
                _header = MessageHeader.Parse(_buffer);
                checkHeader(_header);
            }
        }

        int total = MessageHeader.Bytes + (int)_header.PayloadBytes;
        while (_filled < total)
        {
            if (Receive(total) is { } status)
            {
                return status;
            }
        }

        _complete = true;
        return ReadStatus.Message;
    }

    /// <summary>Closes descriptors nobody took.</summary>
    public void Dispose() => Descriptors.Dispose();

    // Null when something came.
    private ReadStatus? Receive(int end)
    {
        int before = Descriptors.Count;
        TransferStatus status;
        int length;
        try
        {
            status = stream.TryReceive(_buffer.AsSpan(_filled, end - _filled), out length, Descriptors.Received);
        }
        catch (LinuxException e)
        {
            // Descriptors were lost on the way (MSG_CTRUNC), or the socket itself failed.
            throw new VhostFatalException(VhostFaultKind.Descriptors, $"message: {e.Message}");
        }

        if (status == TransferStatus.WouldBlock)
        {
            return ReadStatus.Wait;
        }

        if (status == TransferStatus.Closed)
        {
            return _filled == 0
                ? ReadStatus.Closed
                : throw new VhostFatalException(
                    VhostFaultKind.Framing, $"message: the connection ended after {_filled} bytes of it");
        }

        if (Descriptors.Count > DescriptorSet.CountMax)
        {
            throw new VhostFatalException(
                VhostFaultKind.Descriptors,
                $"message: {Descriptors.Count} descriptors, at most {DescriptorSet.CountMax} may come");
        }

        if (_filled != 0 && Descriptors.Count != before)
        {
            throw new VhostFatalException(
                VhostFaultKind.Descriptors,
                $"message: {Descriptors.Count - before} descriptors at byte {_filled}, must come with the first");
        }

        _filled += length;
        return null;
    }
}
