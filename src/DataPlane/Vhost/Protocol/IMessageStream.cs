using Nf.Linux;

namespace Nf.DataPlane.Vhost.Protocol;

/// <summary>A connected stream of bytes with descriptors beside them.</summary>
internal interface IMessageStream : IDisposable
{
    /// <summary>For polling, and for keeping the connection beyond this object's life.</summary>
    FileDescriptor Descriptor { get; }

    /// <summary>Receives some bytes if any are there.</summary>
    TransferStatus TryReceive(Span<byte> buffer, out int length, List<FileDescriptor> descriptors);

    /// <summary>Sends what there is room for; the descriptors go with the first byte.</summary>
    TransferStatus TrySend(ReadOnlySpan<byte> bytes, ReadOnlySpan<FileDescriptor> descriptors, out int sent);
}

/// <summary>The stream of a socket, which it owns.</summary>
internal sealed class SocketStream(UnixStreamSocket socket) : IMessageStream
{
    public FileDescriptor Descriptor => socket.Descriptor;

    public TransferStatus TryReceive(Span<byte> buffer, out int length, List<FileDescriptor> descriptors) =>
        socket.TryReceive(buffer, out length, descriptors);

    public TransferStatus TrySend(ReadOnlySpan<byte> bytes, ReadOnlySpan<FileDescriptor> descriptors, out int sent) =>
        socket.TrySend(bytes, descriptors, out sent);

    public void Dispose() => socket.Dispose();
}
