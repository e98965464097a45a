using Grpc.Core;
using Grpc.Net.Client;
using Nf.Compat.Tests.Protocol;
using Nf.Compat.Tests.Server;

namespace Nf.Compat.Tests;

public sealed class StatusTests(EchoServer server) : IClassFixture<EchoServer>, IDisposable
{
    private readonly GrpcChannel _channel = server.Connect();

    private Echo.EchoClient Client => new(_channel);

    public void Dispose() => _channel.Dispose();

    public static TheoryData<StatusCode> EveryFailure() => [.. Enum.GetValues<StatusCode>().Where(code => code != 0)];

    [Theory]
    [MemberData(nameof(EveryFailure))]
    public async Task Unary_HandlerThrows_CarriesCodeDetailAndTrailers(StatusCode code)
    {
        var request = new EchoRequest { Text = "prüfen", FailWith = (int)code };

        RpcException e = await Assert.ThrowsAsync<RpcException>(async () => await Client.UnaryAsync(request));

        Assert.Equal(code, e.StatusCode);
        Assert.Equal("prüfen", e.Status.Detail);
        Assert.Equal("Unary", e.Trailers.GetValue(KindInterceptor.Trailer));
    }

    [Theory]
    [InlineData(0)]
    [InlineData((int)StatusCode.NotFound)]
    public async Task Unary_WithTrailers_CarriesTextAndBytes(int failWith)
    {
        var request = new EchoRequest { Text = "text", Trailers = true, FailWith = failWith };
        using AsyncUnaryCall<EchoReply> call = Client.UnaryAsync(request);

        await call.ResponseAsync.ContinueWith(_ => { }, TaskScheduler.Default);

        Assert.Equal("text", call.GetTrailers().GetValue(EchoService.TextTrailer));
        Assert.Equal(EchoService.TrailerBytes, call.GetTrailers().GetValueBytes(EchoService.BytesTrailer));
    }

    [Fact]
    public async Task ServerStream_FailsAfterMessages_BringsThemFirst()
    {
        var request = new EchoRequest { Text = "x", Count = 3, FailWith = (int)StatusCode.DataLoss, Trailers = true };
        using AsyncServerStreamingCall<EchoReply> call = Client.Repeat(request);
        for (int i = 0; i < 3; i++)
        {
            Assert.True(await call.ResponseStream.MoveNext(CancellationToken.None));
        }

        RpcException e = await Assert.ThrowsAsync<RpcException>(
            () => call.ResponseStream.MoveNext(CancellationToken.None));

        Assert.Equal(StatusCode.DataLoss, e.StatusCode);
        Assert.Equal(EchoService.TrailerBytes, e.Trailers.GetValueBytes(EchoService.BytesTrailer));
    }

    [Fact]
    public async Task Unary_DeadlinePasses_EndsBothSides()
    {
        DateTime deadline = DateTime.UtcNow.AddMilliseconds(300);

        RpcException e = await Assert.ThrowsAsync<RpcException>(
            async () => await Client.UnaryAsync(new EchoRequest { Hang = true }, deadline: deadline));

        Assert.Equal(StatusCode.DeadlineExceeded, e.StatusCode);
        Assert.True(await server.Cancellations.WaitCancelledAsync(), "the handler was not told of its deadline");
    }

    [Fact]
    public async Task Unary_ClientCancels_CancelsTheHandler()
    {
        using var cancel = new CancellationTokenSource();
        Task<EchoReply> call = Client.UnaryAsync(
            new EchoRequest { Hang = true }, cancellationToken: cancel.Token).ResponseAsync;
        Assert.True(await server.Cancellations.WaitStartedAsync());

        await cancel.CancelAsync();

        RpcException e = await Assert.ThrowsAsync<RpcException>(() => call);
        Assert.Equal(StatusCode.Cancelled, e.StatusCode);
        Assert.True(await server.Cancellations.WaitCancelledAsync(), "the handler was not cancelled");
    }

    [Fact]
    public async Task ServerStream_CallDisposed_CancelsTheHandler()
    {
        AsyncServerStreamingCall<EchoReply> call = Client.Repeat(new EchoRequest { Count = 1, Hang = true });
        Assert.True(await call.ResponseStream.MoveNext(CancellationToken.None));
        Assert.True(await server.Cancellations.WaitStartedAsync());

        call.Dispose();

        Assert.True(await server.Cancellations.WaitCancelledAsync(), "the handler was not cancelled");
    }
}
