using System.Runtime.InteropServices;
using Nf.Linux;

namespace Nf.DataPlane.Vhost.Protocol;

/// <summary>Sends messages without ever waiting: what finds no room is kept, up to a bound.</summary>
/// <param name="stream">Where they go; not owned.</param>
internal sealed class MessageWriter(IMessageStream stream) : IDisposable
{
    /// <summary>Most messages kept for a peer that does not read; an arbitrary limit. A front-end that keeps to the
    /// protocol has one at a time.</summary>
    internal const int PendingMax = 64;

    private readonly Queue<Waiting> _waiting = new();
    private int _sentOfFirst;

    /// <summary>Whether something waits for room.</summary>
    internal bool HasPending => _waiting.Count != 0;

    /// <summary>Sends a message, or as much as there is room for, and keeps the rest.</summary>
    /// <param name="request">Its number.</param>
    /// <param name="flags">Exactly these.</param>
    /// <param name="payload">May be empty.</param>
    /// <param name="descriptor">Goes with it; stays the caller's.</param>
    /// <returns>False when the other end is gone.</returns>
    /// <exception cref="VhostFatalException">The peer does not read, and too much is kept for it.</exception>
    internal bool Send(uint request, uint flags, ReadOnlySpan<byte> payload, FileDescriptor? descriptor = null)
    {
        var header = new MessageHeader((VhostRequest)request, flags, (uint)payload.Length);
        var bytes = new byte[MessageHeader.Bytes + payload.Length];
        MemoryMarshal.Write(bytes, header);
        payload.CopyTo(bytes.AsSpan(MessageHeader.Bytes));
        if (_waiting.Count >= PendingMax)
        {
            throw new VhostFatalException(
                VhostFaultKind.Stalled, $"reply to {header.Request}: {PendingMax} replies are not read");
        }

        _waiting.Enqueue(new Waiting(bytes, descriptor?.Duplicate()));
        return Flush();
    }

    /// <summary>Sends what waits.</summary>
    /// <returns>False when the other end is gone.</returns>
    internal bool Flush()
    {
        while (_waiting.TryPeek(out Waiting first))
        {
            ReadOnlySpan<FileDescriptor> descriptors =
                _sentOfFirst == 0 && first.Descriptor is { } descriptor ? [descriptor] : default;
            switch (stream.TrySend(first.Bytes.AsSpan(_sentOfFirst), descriptors, out int sent))
            {
                case TransferStatus.WouldBlock:
                    return true;
                case TransferStatus.Closed:
                    return false;
                default:
                    _sentOfFirst += sent;
                    break;
            }

            if (_sentOfFirst == first.Bytes.Length)
            {
                _sentOfFirst = 0;
                _waiting.Dequeue().Descriptor?.Dispose();
            }
        }

        return true;
    }

    /// <summary>Closes the descriptors of what was not sent.</summary>
    public void Dispose()
    {
        while (_waiting.TryDequeue(out Waiting waiting))
        {
            waiting.Descriptor?.Dispose();
        }
    }

    private readonly record struct Waiting(byte[] Bytes, FileDescriptor? Descriptor);
}
