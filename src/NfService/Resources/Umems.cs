using Nf.Internal.V1;
using Nf.V1;

namespace Nf.Service;

/// <summary>What can be done with UMEMs.</summary>
internal sealed class Umems(ResourceOperations operations, XskSockets sockets)
{
    // A request that binds another socket may slip in between once; more often is an argument, not a race.
    private const int ForceAttemptsMax = 3;

    public async Task<Umem> CreateAsync(DesiredUmem umem, bool validateOnly, CancellationToken cancel)
    {
        if (validateOnly)
        {
            if (!ResourceOperations.Exists(operations.Desired.FindUmem(umem.Name), umem))
            {
                operations.Desired.Add(umem, checkOnly: true);
            }

            return umem.ToProto();
        }

        using IDisposable entered = await operations.EnterAsync(cancel);
        using IDisposable named = await operations.EnterNameAsync(umem, cancel);
        if (ResourceOperations.Exists(operations.Desired.FindUmem(umem.Name), umem))
        {
            return await GetAsync(umem.Name, cancel);
        }

        Reply reply = await operations.CreateAsync(umem, () => Commands.Create(umem), cancel);
        return umem.ToProto(reply.Umem.Status);
    }

    /// <summary>One UMEM with its chunk ledger; without a status where there is no data plane.</summary>
    /// <exception cref="UnknownResourceException">There is none.</exception>
    public async Task<Umem> GetAsync(ResourceName name, CancellationToken cancel)
    {
        IEnumerable<Umem> all = await AllAsync(cancel);
        Umem umem = all.FirstOrDefault(u => u.Name == name.Value)
            ?? throw new UnknownResourceException(DesiredResource.UmemType, name.Value);
        if (umem.Status is { State: UmemState.Ready } status)
        {
            Reply audit = await operations.DataPlane.CallAsync(
                new Command { AuditUmem = new AuditUmem { Name = name.Value } }, cancel);
            status.Ledger = audit.Ledger;
        }

        return umem;
    }

    public async Task<PageOf<Umem>> ListAsync(Page? page, CancellationToken cancel) =>
        Paging.Cut(await AllAsync(cancel), umem => umem.Name, page);

    /// <summary>Deletes a UMEM.</summary>
    /// <param name="name">Its name.</param>
    /// <param name="force">Unbind its sockets first, and delete their links and bridges.</param>
    /// <param name="cancel">Gives up.</param>
    /// <exception cref="ResourceInUseException">Sockets use it and it is not forced.</exception>
    public async Task DeleteAsync(ResourceName name, bool force, CancellationToken cancel)
    {
        using IDisposable entered = await operations.EnterAsync(cancel);
        using IDisposable named = await operations.EnterNameAsync(DesiredResource.UmemType, name, cancel);
        DesiredUmem umem = operations.Desired.FindUmem(name)
            ?? throw new UnknownResourceException(DesiredResource.UmemType, name.Value);
        for (int attempt = 1; force; attempt++)
        {
            foreach (DesiredResource user in operations.Desired.UsersOf(umem))
            {
                await sockets.UnbindInsideAsync(user.Name, force: true, mayBeGone: true, cancel);
            }

            try
            {
                await operations.DeleteAsync(umem, () => Commands.Delete(umem), cancel);
                return;
            }
            catch (ResourceInUseException) when (attempt < ForceAttemptsMax)
            {
            }
        }

        await operations.DeleteAsync(umem, () => Commands.Delete(umem), cancel);
    }

    private async Task<IEnumerable<Umem>> AllAsync(CancellationToken cancel)
    {
        Inventory? running = await operations.TryGetInventoryAsync(cancel);
        return ResourceOperations.Merge(
            operations.Desired.Umems, running?.Umems.Select(u => u.Clone()), u => u.Name,
            (wanted, found) => wanted.ToProto(found?.Status));
    }
}
