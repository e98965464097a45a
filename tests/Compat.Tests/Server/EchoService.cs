using Grpc.Core;
using Nf.Compat.Tests.Protocol;

namespace Nf.Compat.Tests.Server;

/// <summary>Does what <see cref="EchoRequest"/> says, on the base class that protoc generates.</summary>
internal sealed class EchoService(CancellationLog cancellations) : Echo.EchoBase
{
    internal const string TextTrailer = "echo-text";
    internal const string BytesTrailer = "echo-bytes-bin";

    internal static readonly byte[] TrailerBytes = [0, 1, 0x7F, 0x80, 0xFF];

    public override async Task<EchoReply> Unary(EchoRequest request, ServerCallContext context)
    {
        Finish(request, context);
        await HangAsync(request, context);
        return Reply(request.Text, context);
    }

    public override async Task<EchoReply> Collect(
        IAsyncStreamReader<EchoRequest> requestStream, ServerCallContext context)
    {
        var texts = new List<string>();
        await foreach (EchoRequest request in requestStream.ReadAllAsync(context.CancellationToken))
        {
            Finish(request, context);
            texts.Add(request.Text);
        }

        return Reply(string.Concat(texts), context);
    }

    public override async Task Repeat(
        EchoRequest request, IServerStreamWriter<EchoReply> responseStream, ServerCallContext context)
    {
        for (int i = 0; i < request.Count; i++)
        {
            await responseStream.WriteAsync(Reply($"{request.Text} {i}", context), context.CancellationToken);
        }

        Finish(request, context);
        await HangAsync(request, context);
    }

    public override async Task Chat(
        IAsyncStreamReader<EchoRequest> requestStream,
        IServerStreamWriter<EchoReply> responseStream,
        ServerCallContext context)
    {
        while (await requestStream.MoveNext())
        {
            await responseStream.WriteAsync(Reply(requestStream.Current.Text, context));
            Finish(requestStream.Current, context);
        }
    }

    private static void Finish(EchoRequest request, ServerCallContext context)
    {
        if (request.Trailers)
        {
            context.ResponseTrailers.Add(TextTrailer, request.Text);
            context.ResponseTrailers.Add(BytesTrailer, TrailerBytes);
        }

        if (request.FailWith != 0)
        {
            throw new RpcException(new Status((StatusCode)request.FailWith, request.Text));
        }
    }

    private static EchoReply Reply(string text, ServerCallContext context) => new()
    {
        Text = text,
        RequestEncoding = context.GetHttpContext().Request.Headers["grpc-encoding"].ToString(),
        Authorization = context.RequestHeaders.GetValue("authorization") ?? string.Empty,
    };

    private async Task HangAsync(EchoRequest request, ServerCallContext context)
    {
        if (!request.Hang)
        {
            return;
        }

        cancellations.Started();
        try
        {
            await Task.Delay(Timeout.Infinite, context.CancellationToken);
        }
        finally
        {
            cancellations.Cancelled();
        }
    }
}
