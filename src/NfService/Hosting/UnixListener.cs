using System.Net;
using System.Net.Sockets;

namespace Nf.Service;

/// <summary>Makes the gRPC socket: a stale file gives way, a live listener does not.</summary>
internal static class UnixListener
{
    private const UnixFileMode SocketMode =
        UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.GroupRead | UnixFileMode.GroupWrite;

    private const UnixFileMode DirectoryMode =
        UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute
        | UnixFileMode.GroupRead | UnixFileMode.GroupExecute;

    /// <summary>Makes the directory and removes a socket file that nobody listens on.</summary>
    /// <exception cref="IOException">Someone listens there, or the directory cannot be made.</exception>
    public static void Prepare(string path)
    {
        string directory = Path.GetDirectoryName(path)!;
        if (!Directory.Exists(directory))
        {
            Directory.CreateDirectory(directory, DirectoryMode);
        }

        if (!File.Exists(path))
        {
            return;
        }

        using var probe = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        try
        {
            probe.Connect(new UnixDomainSocketEndPoint(path));
        }
        catch (SocketException e) when (e.SocketErrorCode == SocketError.ConnectionRefused)
        {
            File.Delete(path);
            return;
        }
        catch (SocketException e)
        {
            throw new IOException($"{path} is in the way and is no socket that can be asked: {e.Message}", e);
        }

        throw new IOException($"{path}: another nf-service listens there");
    }

    /// <summary>Binds a listening socket of Kestrel; a unix socket gets its mode before anybody can connect.</summary>
    public static Socket Bind(EndPoint endpoint)
    {
        if (endpoint is not UnixDomainSocketEndPoint unix)
        {
            return Microsoft.AspNetCore.Server.Kestrel.Transport.Sockets.SocketTransportOptions
                .CreateDefaultBoundListenSocket(endpoint);
        }

        var socket = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        socket.Bind(unix);
        File.SetUnixFileMode(unix.ToString()!, SocketMode);
        return socket;
    }
}
