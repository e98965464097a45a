using Grpc.Core;
using Grpc.Health.V1;
using ServingStatus = Grpc.Health.V1.HealthCheckResponse.Types.ServingStatus;

namespace Nf.Service.Grpc;

/// <summary>grpc.health.v1.Health over <see cref="HealthStatuses"/>.</summary>
internal sealed class HealthService(HealthStatuses statuses) : Health.HealthBase
{
    /// <summary>More services than this and List refuses, as its specification asks of a server with a limit.</summary>
    internal const int ListCountMax = 100;

    /// <inheritdoc/>
    public override Task<HealthCheckResponse> Check(HealthCheckRequest request, ServerCallContext context) =>
        statuses.Get(request.Service) is { } status
            ? Task.FromResult(new HealthCheckResponse { Status = status })
            : throw new RpcException(new Status(StatusCode.NotFound, $"service \"{request.Service}\" is not known"));

    /// <inheritdoc/>
    public override Task<HealthListResponse> List(HealthListRequest request, ServerCallContext context)
    {
        IReadOnlyDictionary<string, ServingStatus> all = statuses.Snapshot();
        if (all.Count > ListCountMax)
        {
            throw new RpcException(new Status(
                StatusCode.ResourceExhausted, $"{all.Count} services; List returns {ListCountMax} at most"));
        }

        var response = new HealthListResponse();
        foreach ((string service, ServingStatus status) in all)
        {
            response.Statuses.Add(service, new HealthCheckResponse { Status = status });
        }

        return Task.FromResult(response);
    }

    /// <summary>
    /// Sends the status now and after every change; a service not known yet is SERVICE_UNKNOWN, not an error.
    /// </summary>
    public override async Task Watch(
        HealthCheckRequest request, IServerStreamWriter<HealthCheckResponse> responseStream, ServerCallContext context)
    {
        ServingStatus? sent = null;
        while (true)
        {
            (ServingStatus? observed, Task changed) = statuses.Observe(request.Service);
            ServingStatus status = observed ?? ServingStatus.ServiceUnknown;
            if (status != sent)
            {
                await responseStream.WriteAsync(new HealthCheckResponse { Status = status }, context.CancellationToken);
                sent = status;
            }

            await changed.WaitAsync(context.CancellationToken);
        }
    }
}
