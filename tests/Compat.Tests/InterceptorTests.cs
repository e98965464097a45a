using Grpc.Core;
using Grpc.Core.Interceptors;
using Grpc.Net.Client;
using Nf.Compat.Tests.Protocol;
using Nf.Compat.Tests.Server;

namespace Nf.Compat.Tests;

public sealed class InterceptorTests(EchoServer server) : IClassFixture<EchoServer>, IDisposable
{
    private readonly GrpcChannel _channel = server.Connect();

    private Echo.EchoClient Client =>
        new(_channel.Intercept(new ClientKindInterceptor("outer"), new ClientKindInterceptor("inner")));

    public void Dispose() => _channel.Dispose();

    [Fact]
    public async Task Unary_InterceptedOnBothSides_IsSeenInOrder()
    {
        using AsyncUnaryCall<EchoReply> call = Client.UnaryAsync(new EchoRequest { Text = "x" });
        await call;
        AssertSeen(call.GetTrailers(), "Unary", "outer:Unary,inner:Unary");
    }

    [Fact]
    public void BlockingUnary_Intercepted_IsSeenAsSuch()
    {
        var request = new EchoRequest { Text = "x", FailWith = (int)StatusCode.Aborted };

        RpcException e = Assert.Throws<RpcException>(() => Client.Unary(request));

        AssertSeen(e.Trailers, "Unary", "outer:BlockingUnary,inner:BlockingUnary");
    }

    [Fact]
    public async Task ClientStream_InterceptedOnBothSides_IsSeenInOrder()
    {
        using AsyncClientStreamingCall<EchoRequest, EchoReply> call = Client.Collect();
        await call.RequestStream.CompleteAsync();
        await call;
        AssertSeen(call.GetTrailers(), "ClientStreaming", "outer:ClientStreaming,inner:ClientStreaming");
    }

    [Fact]
    public async Task ServerStream_InterceptedOnBothSides_IsSeenInOrder()
    {
        using AsyncServerStreamingCall<EchoReply> call = Client.Repeat(new EchoRequest());
        Assert.False(await call.ResponseStream.MoveNext());
        AssertSeen(call.GetTrailers(), "ServerStreaming", "outer:ServerStreaming,inner:ServerStreaming");
    }

    [Fact]
    public async Task Duplex_InterceptedOnBothSides_IsSeenInOrder()
    {
        using AsyncDuplexStreamingCall<EchoRequest, EchoReply> call = Client.Chat();
        await call.RequestStream.CompleteAsync();
        Assert.False(await call.ResponseStream.MoveNext());
        AssertSeen(call.GetTrailers(), "DuplexStreaming", "outer:DuplexStreaming,inner:DuplexStreaming");
    }

    [Fact]
    public async Task Unary_HeadersThroughAFunction_ReachTheServer()
    {
        var client = new Echo.EchoClient(_channel.Intercept(headers =>
        {
            headers.Add("authorization", "from-function");
            return headers;
        }));

        Assert.Equal("from-function", (await client.UnaryAsync(new EchoRequest())).Authorization);
    }

    [Fact]
    public async Task Unary_CallAndChannelCredentials_ReachTheServer()
    {
        CallCredentials token = CallCredentials.FromInterceptor((context, metadata) =>
        {
            metadata.Add("authorization", $"Bearer for {context.MethodName}");
            return Task.CompletedTask;
        });
        using GrpcChannel channel = server.Connect(options => options.UnsafeUseInsecureChannelCallCredentials = true);

        EchoReply reply = await new Echo.EchoClient(channel).UnaryAsync(
            new EchoRequest(), new CallOptions(credentials: token));

        Assert.Equal("Bearer for Unary", reply.Authorization);
    }

    private static void AssertSeen(Metadata trailers, string byServer, string byClient)
    {
        Assert.Equal(byServer, trailers.GetValue(KindInterceptor.Trailer));
        Assert.Equal(byClient, trailers.GetValue(KindInterceptor.ClientTrailer));
    }
}
