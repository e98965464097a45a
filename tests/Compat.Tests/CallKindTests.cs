using Grpc.Core;
using Grpc.Net.Client;
using Nf.Compat.Tests.Protocol;
using Nf.Compat.Tests.Server;

namespace Nf.Compat.Tests;

public sealed class CallKindTests(EchoServer server) : IClassFixture<EchoServer>, IDisposable
{
    private readonly GrpcChannel _channel = server.Connect();

    private Echo.EchoClient Client => new(_channel);

    public void Dispose() => _channel.Dispose();

    [Fact]
    public async Task Unary_Awaited_AnswersWithHeadersAndStatus()
    {
        using AsyncUnaryCall<EchoReply> call = Client.UnaryAsync(new EchoRequest { Text = "one" });

        Assert.Equal("one", (await call).Text);
        Assert.Contains(await call.ResponseHeadersAsync, header => header.Key == "server");
        Assert.Equal(StatusCode.OK, call.GetStatus().StatusCode);
    }

    [Fact]
    public void Unary_Blocking_Answers() => Assert.Equal("one", Client.Unary(new EchoRequest { Text = "one" }).Text);

    [Fact]
    public async Task ClientStream_Completed_AnswersOnce()
    {
        using AsyncClientStreamingCall<EchoRequest, EchoReply> call = Client.Collect();
        foreach (string text in new[] { "a", "b", "c" })
        {
            await call.RequestStream.WriteAsync(new EchoRequest { Text = text }, CancellationToken.None);
        }

        await call.RequestStream.CompleteAsync();

        Assert.Equal("abc", (await call).Text);
    }

    [Fact]
    public async Task ServerStream_ReadToItsEnd_BringsEveryMessageInOrder()
    {
        using AsyncServerStreamingCall<EchoReply> call = Client.Repeat(new EchoRequest { Text = "x", Count = 1000 });
        var texts = new List<string>();
        await foreach (EchoReply reply in call.ResponseStream.ReadAllAsync())
        {
            texts.Add(reply.Text);
        }

        Assert.Equal(Enumerable.Range(0, 1000).Select(i => $"x {i}"), texts);
        Assert.Equal(StatusCode.OK, call.GetStatus().StatusCode);
    }

    [Fact]
    public async Task Duplex_AnswerReadBeforeNextRequest_KeepsBothWaysOpen()
    {
        using AsyncDuplexStreamingCall<EchoRequest, EchoReply> call = Client.Chat();
        for (int i = 0; i < 10; i++)
        {
            await call.RequestStream.WriteAsync(new EchoRequest { Text = $"{i}" });
            Assert.True(await call.ResponseStream.MoveNext(CancellationToken.None));
            Assert.Equal($"{i}", call.ResponseStream.Current.Text);
        }

        await call.RequestStream.CompleteAsync();
        Assert.False(await call.ResponseStream.MoveNext(CancellationToken.None));
    }

    [Fact]
    public async Task Unary_ManyAtOnce_EachGetsItsOwnAnswer()
    {
        string[] texts = [.. Enumerable.Range(0, 256).Select(i => $"{i}")];

        EchoReply[] replies = await Task.WhenAll(
            texts.Select(text => Client.UnaryAsync(new EchoRequest { Text = text }).ResponseAsync));

        Assert.Equal(texts, replies.Select(reply => reply.Text));
    }

    [Fact]
    public async Task Client_WithoutChannel_RefusesToCall() =>
        await Assert.ThrowsAsync<NotImplementedException>(async () => await new NoChannelClient().UnaryAsync(new()));

    private sealed class NoChannelClient : Echo.EchoClient;
}
