using Grpc.Core;
using Grpc.Health.V1;
using Nf.Service.Grpc;
using ServingStatus = Grpc.Health.V1.HealthCheckResponse.Types.ServingStatus;

namespace Nf.Service.Tests.Grpc;

public sealed class HealthServiceTests(StandardServicesServer server) : IClassFixture<StandardServicesServer>
{
    private Health.HealthClient Client => new(server.Calls);

    [Theory]
    [InlineData("", ServingStatus.Serving)]
    [InlineData("nf.v1.UmemService", ServingStatus.NotServing)]
    public async Task Check_KnownService_GivesItsStatus(string service, ServingStatus status)
    {
        server.Statuses.Set(service, status);

        HealthCheckResponse response = await Client.CheckAsync(new HealthCheckRequest { Service = service });

        Assert.Equal(status, response.Status);
    }

    [Fact]
    public async Task Check_UnknownService_IsNotFound()
    {
        RpcException e = await Assert.ThrowsAsync<RpcException>(
            async () => await Client.CheckAsync(new HealthCheckRequest { Service = "no.such" }));

        Assert.Equal(StatusCode.NotFound, e.StatusCode);
    }

    [Fact]
    public async Task Watch_ServiceComesChangesAndGoes_IsToldEachTime()
    {
        using AsyncServerStreamingCall<HealthCheckResponse> call =
            Client.Watch(new HealthCheckRequest { Service = "watched" });

        Assert.Equal(ServingStatus.ServiceUnknown, await NextAsync(call));
        server.Statuses.Set("watched", ServingStatus.Serving);
        Assert.Equal(ServingStatus.Serving, await NextAsync(call));
        server.Statuses.Set("other", ServingStatus.Serving);
        server.Statuses.SetAllNotServing();
        Assert.Equal(ServingStatus.NotServing, await NextAsync(call));
        server.Statuses.Remove("watched");
        Assert.Equal(ServingStatus.ServiceUnknown, await NextAsync(call));
    }

    [Fact]
    public async Task List_SeveralServices_GivesAllOfThem()
    {
        server.Statuses.Set("list.a", ServingStatus.Serving);
        server.Statuses.Set("list.b", ServingStatus.Unknown);

        HealthListResponse response = await Client.ListAsync(new HealthListRequest());

        Assert.Equal(ServingStatus.Serving, response.Statuses["list.a"].Status);
        Assert.Equal(ServingStatus.Unknown, response.Statuses["list.b"].Status);
    }

    [Fact]
    public async Task List_MoreThanTheLimit_IsResourceExhausted()
    {
        var statuses = new HealthStatuses();
        for (int i = 0; i <= HealthService.ListCountMax; i++)
        {
            statuses.Set($"service-{i}", ServingStatus.Serving);
        }

        RpcException e = await Assert.ThrowsAsync<RpcException>(
            () => new HealthService(statuses).List(new HealthListRequest(), null!));

        Assert.Equal(StatusCode.ResourceExhausted, e.StatusCode);
    }

    [Fact]
    public void Set_ServiceUnknown_IsRefused() =>
        Assert.Throws<ArgumentOutOfRangeException>(() => new HealthStatuses().Set("x", ServingStatus.ServiceUnknown));

    private static async Task<ServingStatus> NextAsync(AsyncServerStreamingCall<HealthCheckResponse> call)
    {
        Assert.True(await call.ResponseStream.MoveNext(CancellationToken.None));
        return call.ResponseStream.Current.Status;
    }
}
