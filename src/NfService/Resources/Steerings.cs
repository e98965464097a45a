using Google.Protobuf.Collections;
using Nf.Internal.V1;
using Nf.V1;

namespace Nf.Service;

/// <summary>What can be done with steerings.</summary>
internal sealed class Steerings(ResourceOperations operations)
{
    /// <summary>Sets the rules of an interface, in place of those it had; the answer has no prefix tables.</summary>
    /// <exception cref="ResourceExistsException">The name, or the interface, belongs to another steering.</exception>
    public async Task<Steering> SetAsync(DesiredSteering steering, bool validateOnly, CancellationToken cancel)
    {
        using IDisposable entered = await operations.EnterAsync(cancel);
        using IDisposable named = await operations.EnterNameAsync(steering, cancel);
        if (validateOnly)
        {
            operations.Desired.Replace(steering, checkOnly: true);
            await operations.CallAsync(() => Commands.Set(steering, validateOnly: true), cancel);
            return steering.ToBrief();
        }

        DesiredSteering? before = operations.Desired.FindSteering(steering.Name);
        operations.Desired.Replace(steering);
        Reply reply;
        try
        {
            reply = await operations.CallAsync(() => Commands.Set(steering, validateOnly: false), cancel);
        }
        catch
        {
            // Also when nobody knows what came of it: the next synchronisation learns the rules that are in force.
            operations.Desired.PutBack(steering, before);
            throw;
        }

        SteeringStatus? status = reply.Steering.Status;
        if (before is null)
        {
            operations.TellCreated(steering);
        }
        else
        {
            operations.TellChange(steering, $"{status?.Rules.Count ?? 0} rules set, revision {status?.Revision ?? 0}");
        }

        return steering.ToBrief(status);
    }

    /// <summary>One steering with its prefix tables; without a status where there is no data plane.</summary>
    /// <exception cref="UnknownResourceException">There is none.</exception>
    public async Task<Steering> GetAsync(ResourceName name, CancellationToken cancel)
    {
        IEnumerable<Steering> all = await AllAsync(cancel);
        Steering found = all.FirstOrDefault(s => s.Name == name.Value)
            ?? throw new UnknownResourceException(DesiredResource.SteeringType, name.Value);
        return operations.Desired.FindSteering(name)?.ToProto(found.Status) ?? found;
    }

    public async Task<PageOf<Steering>> ListAsync(Page? page, CancellationToken cancel) =>
        Paging.Cut(await AllAsync(cancel), steering => steering.Name, page);

    public async Task DeleteAsync(ResourceName name, CancellationToken cancel)
    {
        using IDisposable entered = await operations.EnterAsync(cancel);
        using IDisposable named = await operations.EnterNameAsync(DesiredResource.SteeringType, name, cancel);
        DesiredSteering steering = operations.Desired.FindSteering(name)
            ?? throw new UnknownResourceException(DesiredResource.SteeringType, name.Value);
        await operations.DeleteAsync(steering, () => Commands.Delete(steering), cancel);
    }

    /// <summary>What would become of packets, in their order. Changes nothing.</summary>
    /// <exception cref="UnknownResourceException">There is no such steering.</exception>
    public async Task<RepeatedField<SteeringVerdict>> TestAsync(PacketBatch batch, CancellationToken cancel)
    {
        if (operations.Desired.FindSteering(batch.Name) is null)
        {
            throw new UnknownResourceException(DesiredResource.SteeringType, batch.Name.Value);
        }

        var test = new TestSteering { Name = batch.Name.Value, Packets = { batch.Packets }, Queue = batch.Queue };
        Reply reply = await operations.DataPlane.CallAsync(new Command { TestSteering = test }, cancel);
        return reply.Verdicts.Verdicts;
    }

    private async Task<IEnumerable<Steering>> AllAsync(CancellationToken cancel)
    {
        Inventory? running = await operations.TryGetInventoryAsync(cancel);
        return ResourceOperations.Merge(
            operations.Desired.Steerings, running?.Steerings, s => s.Name,
            (wanted, found) => wanted.ToBrief(found?.Status));
    }
}
