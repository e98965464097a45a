using Nf.Linux;
using Nf.SharedMemory.Store;

namespace Nf.Keeper;

/// <summary>The keeper's end of a life's store connection: what it could not send yet waits here.</summary>
internal sealed class LifeConnection(SeqPacketSocket socket) : IDisposable
{
    // Answers that a life does not read pile up here; one that lets so many is broken. Arbitrary, above a whole store.
    private const int WaitingCountMax = 2 * DescriptorStore.EntryCountMax;

    private readonly Queue<Outgoing> _waiting = new();
    private readonly byte[] _buffer = new byte[StoreCodec.MessageBytesMax];

    internal FileDescriptor Descriptor => socket.Descriptor;

    /// <summary>Whether everything was sent.</summary>
    internal bool IsFlushed => _waiting.Count == 0;

    /// <summary>Sends a message, or keeps it until there is room.</summary>
    /// <param name="type">What it says.</param>
    /// <param name="sequence">Of the request it answers, or 0.</param>
    /// <param name="metadata">Fixed fields of the type.</param>
    /// <exception cref="StoreException">The life has not read for too long.</exception>
    internal void Send(StoreMessageType type, uint sequence = 0, byte[]? metadata = null)
    {
        Queue(new Outgoing(type, sequence, "", metadata ?? [], []));
        Flush();
    }

    /// <summary>Sends an entry; the store keeps its descriptors open until everything is flushed.</summary>
    internal void Queue(StoreEntry entry) =>
        Queue(new Outgoing(StoreMessageType.Entry, 0, entry.Key, entry.Metadata, [.. entry.Descriptors]));

    /// <summary>
    /// Sends what waits, as far as there is room. That the life is gone is left for the reader to see.
    /// </summary>
    internal void Flush()
    {
        while (_waiting.TryPeek(out Outgoing? next))
        {
            int length = StoreCodec.Write(
                _buffer, next.Type, next.Sequence, next.Key, next.Metadata, next.Descriptors.Length);
            TransferStatus status = socket.TrySend(_buffer.AsSpan(0, length), next.Descriptors);
            if (status == TransferStatus.WouldBlock)
            {
                return;
            }

            _waiting.Dequeue();
        }
    }

    /// <summary>Takes a message if one is there.</summary>
    internal TransferStatus TryReceive(Span<byte> buffer, out int length, List<FileDescriptor> descriptors) =>
        socket.TryReceive(buffer, out length, descriptors);

    public void Dispose()
    {
        _waiting.Clear();
        socket.Dispose();
    }

    private void Queue(Outgoing message)
    {
        if (_waiting.Count == WaitingCountMax)
        {
            throw new StoreException($"{_waiting.Count} messages wait to be read, the limit is {WaitingCountMax}");
        }

        _waiting.Enqueue(message);
    }

    private sealed record Outgoing(
        StoreMessageType Type, uint Sequence, string Key, byte[] Metadata, FileDescriptor[] Descriptors);
}
