using System.Net.Sockets;

namespace Nf.EndToEnd.Tests.Support.Guests;

/// <summary>Sockets that a program which was just started is about to listen on.</summary>
internal static class UnixSocket
{
    /// <summary>Connects as soon as the program listens.</summary>
    internal static Task<Socket> ConnectAsync(string path, Daemon program)
    {
        return Eventually.GetAsync($"{program.Name} listens on {Path.GetFileName(path)}", async () =>
        {
            if (program.HasExited)
            {
                throw new InvalidOperationException($"{program.Name} ended:\n{program.Log}");
            }

            var socket = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
            try
            {
                await socket.ConnectAsync(new UnixDomainSocketEndPoint(path));
                return socket;
            }
            catch (SocketException)
            {
                socket.Dispose();
                return null;
            }
        });
    }
}
