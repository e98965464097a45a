using Grpc.Core;
using Grpc.Reflection.V1;

namespace Nf.Service.Grpc;

/// <summary>grpc.reflection.v1.ServerReflection over a <see cref="DescriptorCatalog"/>.</summary>
internal sealed class ReflectionService(DescriptorCatalog catalog) : ServerReflection.ServerReflectionBase
{
    /// <inheritdoc/>
    public override async Task ServerReflectionInfo(
        IAsyncStreamReader<ServerReflectionRequest> requestStream,
        IServerStreamWriter<ServerReflectionResponse> responseStream,
        ServerCallContext context)
    {
        while (await requestStream.MoveNext(context.CancellationToken))
        {
            ServerReflectionResponse response = ReflectionAnswers.Answer(catalog, requestStream.Current);
            await responseStream.WriteAsync(response, context.CancellationToken);
        }
    }
}
