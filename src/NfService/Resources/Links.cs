using Nf.Internal.V1;
using Nf.V1;

namespace Nf.Service;

/// <summary>What can be done with links.</summary>
internal sealed class Links(ResourceOperations operations)
{
    public async Task<Link> CreateAsync(DesiredLink link, bool validateOnly, CancellationToken cancel)
    {
        if (validateOnly)
        {
            if (!ResourceOperations.Exists(operations.Desired.FindLink(link.Name), link))
            {
                operations.Desired.Add(link, checkOnly: true);
            }

            return link.ToProto();
        }

        using IDisposable entered = await operations.EnterAsync(cancel);
        using IDisposable named = await operations.EnterNameAsync(link, cancel);
        if (ResourceOperations.Exists(operations.Desired.FindLink(link.Name), link))
        {
            return await GetAsync(link.Name, cancel);
        }

        Reply reply = await operations.CreateAsync(link, () => Commands.Create(link), cancel);
        return link.ToProto(reply.Link.Status);
    }

    /// <summary>One link; without a status where there is no data plane.</summary>
    /// <exception cref="UnknownResourceException">There is none.</exception>
    public async Task<Link> GetAsync(ResourceName name, CancellationToken cancel)
    {
        IEnumerable<Link> all = await AllAsync(cancel);
        return all.FirstOrDefault(l => l.Name == name.Value)
            ?? throw new UnknownResourceException(DesiredResource.LinkType, name.Value);
    }

    public async Task<PageOf<Link>> ListAsync(Page? page, CancellationToken cancel) =>
        Paging.Cut(await AllAsync(cancel), link => link.Name, page);

    public async Task DeleteAsync(ResourceName name, CancellationToken cancel)
    {
        using IDisposable entered = await operations.EnterAsync(cancel);
        await DeleteInsideAsync(name, mayBeGone: false, cancel);
    }

    /// <summary>Deletes a link for a request that has entered already.</summary>
    public async Task DeleteInsideAsync(ResourceName name, bool mayBeGone, CancellationToken cancel)
    {
        using IDisposable named = await operations.EnterNameAsync(DesiredResource.LinkType, name, cancel);
        if (operations.Desired.FindLink(name) is { } link)
        {
            await operations.DeleteAsync(link, () => Commands.Delete(link), cancel);
        }
        else if (!mayBeGone)
        {
            throw new UnknownResourceException(DesiredResource.LinkType, name.Value);
        }
    }

    private async Task<IEnumerable<Link>> AllAsync(CancellationToken cancel)
    {
        Inventory? running = await operations.TryGetInventoryAsync(cancel);
        return ResourceOperations.Merge(
            operations.Desired.Links, running?.Links, l => l.Name, (wanted, found) => wanted.ToProto(found?.Status));
    }
}
