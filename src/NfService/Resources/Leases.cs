using Nf.Internal.V1;
using Nf.V1;

namespace Nf.Service;

/// <summary>What can be done with leases: they are made by the broker, on a client's request.</summary>
internal sealed class Leases(ResourceOperations operations)
{
    /// <summary>Issues a one-time token.</summary>
    /// <exception cref="DataPlaneFaultException">No such interface, namespace or queue.</exception>
    public async Task<LeaseToken> IssueAsync(DesiredLeaseToken asked, CancellationToken cancel)
    {
        using IDisposable entered = await operations.EnterAsync(cancel);
        Reply reply = await operations.DataPlane.CallAsync(asked.ToCommand(), cancel);
        return reply.LeaseToken;
    }

    /// <summary>Leases that there are, by number.</summary>
    public async Task<PageOf<Lease>> ListAsync(Page? page, CancellationToken cancel)
    {
        Inventory? running = await operations.TryGetInventoryAsync(cancel);
        return Paging.Cut(running?.Leases ?? [], lease => $"{lease.Id:d20}", page);
    }

    /// <summary>Ends a lease.</summary>
    /// <exception cref="DataPlaneFaultException">There is none.</exception>
    public async Task RevokeAsync(ulong id, CancellationToken cancel)
    {
        using IDisposable entered = await operations.EnterAsync(cancel);
        await operations.DataPlane.CallAsync(new Command { RevokeLease = new RevokeLease { Id = id } }, cancel);
    }

    /// <summary>Takes back a token.</summary>
    /// <exception cref="DataPlaneFaultException">There is none that nobody has shown.</exception>
    public async Task RevokeTokenAsync(ResourceName name, CancellationToken cancel)
    {
        using IDisposable entered = await operations.EnterAsync(cancel);
        await operations.DataPlane.CallAsync(
            new Command { RevokeLeaseToken = new RevokeLeaseToken { Name = name.Value } }, cancel);
    }
}
