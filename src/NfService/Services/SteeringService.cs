using Google.Protobuf.Collections;
using Grpc.Core;
using Nf.V1;

namespace Nf.Service;

/// <summary>nf.v1.SteeringService. Translates between the wire and the model; decides nothing.</summary>
internal sealed class SteeringService(Steerings steerings) : V1.SteeringService.SteeringServiceBase
{
    public override async Task<SetSteeringResponse> SetSteering(SetSteeringRequest request, ServerCallContext context)
    {
        var asked = DesiredSteering.From(request);
        Steering steering = await context.WithinLimit(
            cancel => steerings.SetAsync(asked, request.ValidateOnly, cancel));
        return new SetSteeringResponse { Steering = steering };
    }

    public override async Task<GetSteeringResponse> GetSteering(GetSteeringRequest request, ServerCallContext context)
    {
        var name = ResourceName.Parse(request.Name);
        Steering steering = await context.WithinLimit(cancel => steerings.GetAsync(name, cancel));
        return new GetSteeringResponse { Steering = steering };
    }

    public override async Task<ListSteeringsResponse> ListSteerings(
        ListSteeringsRequest request, ServerCallContext context)
    {
        PageOf<Steering> page = await context.WithinLimit(cancel => steerings.ListAsync(request.Page, cancel));
        return new ListSteeringsResponse { Steerings = { page.Items }, NextPageToken = page.NextToken };
    }

    public override async Task<DeleteSteeringResponse> DeleteSteering(
        DeleteSteeringRequest request, ServerCallContext context)
    {
        var name = ResourceName.Parse(request.Name);
        await context.WithinLimit(cancel => steerings.DeleteAsync(name, cancel));
        return new DeleteSteeringResponse();
    }

    public override async Task<TestSteeringResponse> TestSteering(
        TestSteeringRequest request, ServerCallContext context)
    {
        var asked = PacketBatch.From(request);
        RepeatedField<SteeringVerdict> verdicts =
            await context.WithinLimit(cancel => steerings.TestAsync(asked, cancel));
        return new TestSteeringResponse { Verdicts = { verdicts } };
    }
}
