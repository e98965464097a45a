using Grpc.Core;
using Grpc.Net.Client;
using Nf.Compat.Tests.Protocol;
using Nf.Compat.Tests.Server;

namespace Nf.Compat.Tests;

public sealed class CompressionAndSizeTests(EchoServer server) : IClassFixture<EchoServer>
{
    [Fact]
    public async Task Unary_GzipBothWays_IsCompressedOnTheWireAndEqualAfterwards()
    {
        var wire = new List<string>();
        using GrpcChannel channel = server.Connect(wrap: transport => new EncodingRecorder(transport, wire));
        string text = new('z', 30_000);
        var headers = new Metadata { { "grpc-internal-encoding-request", "gzip" } };

        EchoReply reply = await new Echo.EchoClient(channel).UnaryAsync(new EchoRequest { Text = text }, headers);

        Assert.Equal(text, reply.Text);
        Assert.Equal("gzip", reply.RequestEncoding);
        Assert.Equal(["gzip"], wire);
    }

    [Fact]
    public async Task Unary_RequestOverTheServersLimit_IsRefused()
    {
        using GrpcChannel channel = server.Connect();
        var request = new EchoRequest { Text = new string('x', EchoServer.ReceiveBytesMax) };

        RpcException e = await Assert.ThrowsAsync<RpcException>(
            async () => await new Echo.EchoClient(channel).UnaryAsync(request));

        Assert.Equal(StatusCode.ResourceExhausted, e.StatusCode);
    }

    [Fact]
    public async Task Unary_ResponseOverTheClientsLimit_IsRefused()
    {
        using GrpcChannel channel = server.Connect(options => options.MaxReceiveMessageSize = 100);
        var request = new EchoRequest { Text = new string('x', 101) };

        RpcException e = await Assert.ThrowsAsync<RpcException>(
            async () => await new Echo.EchoClient(channel).UnaryAsync(request));

        Assert.Equal(StatusCode.ResourceExhausted, e.StatusCode);
    }

    private sealed class EncodingRecorder(HttpMessageHandler inner, List<string> encodings) : DelegatingHandler(inner)
    {
        protected override async Task<HttpResponseMessage> SendAsync(
            HttpRequestMessage request, CancellationToken cancellationToken)
        {
            HttpResponseMessage response = await base.SendAsync(request, cancellationToken);
            encodings.AddRange(response.Headers.GetValues("grpc-encoding"));
            return response;
        }
    }
}
