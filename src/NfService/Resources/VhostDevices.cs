using Nf.Internal.V1;
using Nf.V1;

namespace Nf.Service;

/// <summary>What can be done with vhost-user devices.</summary>
internal sealed class VhostDevices(ResourceOperations operations, Connections connections)
{
    public async Task<VhostDevice> CreateAsync(DesiredVhostDevice device, bool validateOnly, CancellationToken cancel)
    {
        if (validateOnly)
        {
            if (!ResourceOperations.Exists(operations.Desired.FindVhostDevice(device.Name), device))
            {
                operations.Desired.Add(device, checkOnly: true);
            }

            return device.ToProto();
        }

        using IDisposable entered = await operations.EnterAsync(cancel);
        using IDisposable named = await operations.EnterNameAsync(device, cancel);
        if (ResourceOperations.Exists(operations.Desired.FindVhostDevice(device.Name), device))
        {
            return await GetAsync(device.Name, cancel);
        }

        Reply reply = await operations.CreateAsync(device, () => Commands.Create(device), cancel);
        return Described(device, reply.VhostDevice.Status);
    }

    /// <summary>One device; without a status where there is no data plane.</summary>
    /// <exception cref="UnknownResourceException">There is none.</exception>
    public async Task<VhostDevice> GetAsync(ResourceName name, CancellationToken cancel)
    {
        IEnumerable<VhostDevice> all = await AllAsync(cancel);
        return all.FirstOrDefault(d => d.Name == name.Value)
            ?? throw new UnknownResourceException(DesiredResource.VhostDeviceType, name.Value);
    }

    public async Task<PageOf<VhostDevice>> ListAsync(Page? page, CancellationToken cancel) =>
        Paging.Cut(await AllAsync(cancel), device => device.Name, page);

    /// <summary>Deletes a device.</summary>
    /// <param name="name">Its name.</param>
    /// <param name="force">Delete its link or bridge first.</param>
    /// <param name="cancel">Gives up.</param>
    /// <exception cref="ResourceInUseException">A link or bridge uses it and it is not forced.</exception>
    public async Task DeleteAsync(ResourceName name, bool force, CancellationToken cancel)
    {
        using IDisposable entered = await operations.EnterAsync(cancel);
        using IDisposable named = await operations.EnterNameAsync(DesiredResource.VhostDeviceType, name, cancel);
        DesiredVhostDevice device = operations.Desired.FindVhostDevice(name)
            ?? throw new UnknownResourceException(DesiredResource.VhostDeviceType, name.Value);
        await connections.DeleteMemberAsync(device, force, () => Commands.Delete(device), cancel);
    }

    private async Task<IEnumerable<VhostDevice>> AllAsync(CancellationToken cancel)
    {
        Inventory? running = await operations.TryGetInventoryAsync(cancel);
        return ResourceOperations.Merge(
            operations.Desired.VhostDevices, running?.VhostDevices, d => d.Name,
            (wanted, found) => Described(wanted, found?.Status));
    }

    private static VhostDevice Described(DesiredVhostDevice device, VhostDeviceStatus? status)
    {
        VhostDevice described = device.ToProto();
        described.Status = VhostAdvice.Complete(described.Spec, status);
        return described;
    }
}
