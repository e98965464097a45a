using System.Net.Sockets;
using Grpc.Core;
using Grpc.Net.Client;

namespace Nf.Ctl.Client;

/// <summary>The gRPC channel to nf-service: HTTP/2 without TLS over its unix socket.</summary>
internal sealed class ServiceChannel : IDisposable
{
    // The largest page of resources stays far below; an arbitrary bound on what a broken service may send.
    private const int MessageBytesMax = 64 << 20;

    private readonly SocketsHttpHandler _handler;
    private readonly GrpcChannel _channel;
    private volatile string? _connectFault;

    internal ServiceChannel(string runFolder)
    {
        SocketPath = Path.Combine(runFolder, "nf.sock");
        _handler = new SocketsHttpHandler { ConnectCallback = (_, cancel) => ConnectAsync(cancel), UseProxy = false };

        // The host name is never resolved: the handler above connects. It only fills the :authority header.
        _channel = GrpcChannel.ForAddress(
            "http://localhost",
            new GrpcChannelOptions { HttpHandler = _handler, MaxReceiveMessageSize = MessageBytesMax });
    }

    internal string SocketPath { get; }

    /// <summary>Why the last attempt to connect failed; null after one that worked, or before the first.</summary>
    internal string? ConnectFault => _connectFault;

    internal CallInvoker CreateCallInvoker() => _channel.CreateCallInvoker();

    public void Dispose()
    {
        _channel.Dispose();
        _handler.Dispose();
    }

    private async ValueTask<Stream> ConnectAsync(CancellationToken cancel)
    {
        var socket = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        try
        {
            await socket.ConnectAsync(new UnixDomainSocketEndPoint(SocketPath), cancel);
            _connectFault = null;
            return new NetworkStream(socket, ownsSocket: true);
        }
        catch (Exception e)
        {
            socket.Dispose();
            if (e is not OperationCanceledException)
            {
                _connectFault = e is ArgumentException ? "the path is too long for a unix socket" : Describe(e);
            }

            throw;
        }
    }

    private static string Describe(Exception e)
    {
        return e is SocketException { SocketErrorCode: SocketError.AddressNotAvailable }
            ? "No such file or directory"
            : e.Message;
    }
}
