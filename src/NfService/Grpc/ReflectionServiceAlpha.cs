using Google.Protobuf;
using Grpc.Core;
using Grpc.Reflection.V1Alpha;

namespace Nf.Service.Grpc;

/// <summary>
/// grpc.reflection.v1alpha.ServerReflection, which older tools ask. Its messages are those of v1 under another name,
/// so both are translated through their bytes and answered by the same code.
/// </summary>
internal sealed class ReflectionServiceAlpha(DescriptorCatalog catalog) : ServerReflection.ServerReflectionBase
{
    /// <inheritdoc/>
    public override async Task ServerReflectionInfo(
        IAsyncStreamReader<ServerReflectionRequest> requestStream,
        IServerStreamWriter<ServerReflectionResponse> responseStream,
        ServerCallContext context)
    {
        while (await requestStream.MoveNext(context.CancellationToken))
        {
            var request = global::Grpc.Reflection.V1.ServerReflectionRequest.Parser.ParseFrom(
                requestStream.Current.ToByteString());
            var response = ServerReflectionResponse.Parser.ParseFrom(
                ReflectionAnswers.Answer(catalog, request).ToByteString());
            await responseStream.WriteAsync(response, context.CancellationToken);
        }
    }
}
