using Grpc.Core;
using Nf.V1;

namespace Nf.Ctl.Tests.EndToEnd;

internal sealed class FakeVhostDevices(FakeService service) : VhostDeviceService.VhostDeviceServiceBase
{
    public override async Task<CreateVhostDeviceResponse> CreateVhostDevice(
        CreateVhostDeviceRequest request, ServerCallContext context)
    {
        await service.ReceiveAsync(request, context);
        return new CreateVhostDeviceResponse
        {
            VhostDevice = new VhostDevice { Name = request.Name, Spec = request.Spec },
        };
    }

    public override async Task<GetVhostDeviceResponse> GetVhostDevice(
        GetVhostDeviceRequest request, ServerCallContext context)
    {
        await service.ReceiveAsync(request, context);
        return new GetVhostDeviceResponse { VhostDevice = service.VhostDevices.Single(d => d.Name == request.Name) };
    }

    public override async Task<ListVhostDevicesResponse> ListVhostDevices(
        ListVhostDevicesRequest request, ServerCallContext context)
    {
        await service.ReceiveAsync(request, context);
        (IEnumerable<VhostDevice> entries, string next) = FakeService.PageOf(service.VhostDevices, request.Page);
        return new ListVhostDevicesResponse { VhostDevices = { entries }, NextPageToken = next };
    }

    public override async Task<DeleteVhostDeviceResponse> DeleteVhostDevice(
        DeleteVhostDeviceRequest request, ServerCallContext context)
    {
        await service.ReceiveAsync(request, context);
        return new DeleteVhostDeviceResponse();
    }
}

internal sealed class FakeBridges(FakeService service) : BridgeService.BridgeServiceBase
{
    public override async Task<CreateBridgeResponse> CreateBridge(
        CreateBridgeRequest request, ServerCallContext context)
    {
        await service.ReceiveAsync(request, context);
        return new CreateBridgeResponse { Bridge = new Bridge { Name = request.Name, Spec = request.Spec } };
    }

    public override async Task<GetBridgeResponse> GetBridge(GetBridgeRequest request, ServerCallContext context)
    {
        await service.ReceiveAsync(request, context);
        return new GetBridgeResponse { Bridge = service.Bridges.Single(b => b.Name == request.Name) };
    }

    public override async Task<ListBridgesResponse> ListBridges(ListBridgesRequest request, ServerCallContext context)
    {
        await service.ReceiveAsync(request, context);
        (IEnumerable<Bridge> entries, string next) = FakeService.PageOf(service.Bridges, request.Page);
        return new ListBridgesResponse { Bridges = { entries }, NextPageToken = next };
    }

    public override async Task<DeleteBridgeResponse> DeleteBridge(
        DeleteBridgeRequest request, ServerCallContext context)
    {
        await service.ReceiveAsync(request, context);
        return new DeleteBridgeResponse();
    }

    public override async Task<ListBridgeEntriesResponse> ListBridgeEntries(
        ListBridgeEntriesRequest request, ServerCallContext context)
    {
        await service.ReceiveAsync(request, context);
        (IEnumerable<BridgeEntry> entries, string next) = FakeService.PageOf(service.BridgeEntries, request.Page);
        return new ListBridgeEntriesResponse { Entries = { entries }, NextPageToken = next };
    }
}
