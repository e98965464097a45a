using Grpc.Core;
using Nf.V1;

namespace Nf.Service;

/// <summary>nf.v1.VhostDeviceService. Translates between the wire and the model; decides nothing.</summary>
internal sealed class VhostDeviceService(VhostDevices devices) : V1.VhostDeviceService.VhostDeviceServiceBase
{
    public override async Task<CreateVhostDeviceResponse> CreateVhostDevice(
        CreateVhostDeviceRequest request, ServerCallContext context)
    {
        var asked = DesiredVhostDevice.From(request);
        VhostDevice device = await context.WithinLimit(
            cancel => devices.CreateAsync(asked, request.ValidateOnly, cancel));
        return new CreateVhostDeviceResponse { VhostDevice = device };
    }

    public override async Task<GetVhostDeviceResponse> GetVhostDevice(
        GetVhostDeviceRequest request, ServerCallContext context)
    {
        var name = ResourceName.Parse(request.Name);
        VhostDevice device = await context.WithinLimit(cancel => devices.GetAsync(name, cancel));
        return new GetVhostDeviceResponse { VhostDevice = device };
    }

    public override async Task<ListVhostDevicesResponse> ListVhostDevices(
        ListVhostDevicesRequest request, ServerCallContext context)
    {
        PageOf<VhostDevice> page = await context.WithinLimit(cancel => devices.ListAsync(request.Page, cancel));
        return new ListVhostDevicesResponse { VhostDevices = { page.Items }, NextPageToken = page.NextToken };
    }

    public override async Task<DeleteVhostDeviceResponse> DeleteVhostDevice(
        DeleteVhostDeviceRequest request, ServerCallContext context)
    {
        var name = ResourceName.Parse(request.Name);
        await context.WithinLimit(cancel => devices.DeleteAsync(name, request.Force, cancel));
        return new DeleteVhostDeviceResponse();
    }
}
