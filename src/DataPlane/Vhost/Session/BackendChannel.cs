using Nf.DataPlane.Vhost.Protocol;
using Nf.Linux;

namespace Nf.DataPlane.Vhost.Session;

/// <summary>
/// The channel on which we ask and the front-end answers. We never ask it to answer: so nothing is read here, and
/// nobody waits.
/// </summary>
internal sealed class BackendChannel : IDisposable
{
    private readonly UnixStreamSocket _socket;
    private readonly MessageWriter _writer;

    private BackendChannel(UnixStreamSocket socket)
    {
        _socket = socket;
        _writer = new MessageWriter(new SocketStream(socket));
    }

    internal FileDescriptor Descriptor => _socket.Descriptor;

    /// <summary>Takes over a descriptor.</summary>
    /// <exception cref="VhostRefusedException">It is no such socket; it stays the caller's.</exception>
    internal static BackendChannel Adopt(FileDescriptor descriptor)
    {
        try
        {
            return new BackendChannel(UnixStreamSocket.Adopt(descriptor));
        }
        catch (Exception e) when (e is ArgumentException or LinuxException)
        {
            throw Refused.Value(VhostRequest.SET_BACKEND_REQ_FD, $"descriptor is no stream socket: {e.Message}");
        }
    }

    /// <summary>Says that the configuration space changed.</summary>
    /// <returns>False when that found no room or nobody, and is to be tried again.</returns>
    internal bool TryTellConfigChange()
    {
        // One at a time: while a part of the last one waits, the front-end does not read.
        return _writer.Flush() && !_writer.HasPending &&
            _writer.Send((uint)BackendRequest.CONFIG_CHANGE_MSG, MessageHeader.Version, []);
    }

    public void Dispose()
    {
        _writer.Dispose();
        _socket.Dispose();
    }
}
