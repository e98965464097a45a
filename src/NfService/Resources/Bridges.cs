using Nf.Internal.V1;
using Nf.V1;

namespace Nf.Service;

/// <summary>What can be done with bridges.</summary>
internal sealed class Bridges(ResourceOperations operations)
{
    public async Task<Bridge> CreateAsync(DesiredBridge bridge, bool validateOnly, CancellationToken cancel)
    {
        if (validateOnly)
        {
            if (!ResourceOperations.Exists(operations.Desired.FindBridge(bridge.Name), bridge))
            {
                operations.Desired.Add(bridge, checkOnly: true);
            }

            return bridge.ToProto();
        }

        using IDisposable entered = await operations.EnterAsync(cancel);
        using IDisposable named = await operations.EnterNameAsync(bridge, cancel);
        if (ResourceOperations.Exists(operations.Desired.FindBridge(bridge.Name), bridge))
        {
            return await GetAsync(bridge.Name, cancel);
        }

        Reply reply = await operations.CreateAsync(bridge, () => Commands.Create(bridge), cancel);
        return bridge.ToProto(reply.Bridge.Status);
    }

    /// <summary>One bridge; without a status where there is no data plane.</summary>
    /// <exception cref="UnknownResourceException">There is none.</exception>
    public async Task<Bridge> GetAsync(ResourceName name, CancellationToken cancel)
    {
        IEnumerable<Bridge> all = await AllAsync(cancel);
        return all.FirstOrDefault(b => b.Name == name.Value)
            ?? throw new UnknownResourceException(DesiredResource.BridgeType, name.Value);
    }

    public async Task<PageOf<Bridge>> ListAsync(Page? page, CancellationToken cancel) =>
        Paging.Cut(await AllAsync(cancel), bridge => bridge.Name, page);

    /// <summary>A page of what a bridge has learned; only the data plane knows.</summary>
    /// <exception cref="UnknownResourceException">There is no such bridge.</exception>
    public async Task<PageOf<BridgeEntry>> ListEntriesAsync(ResourceName name, Page? page, CancellationToken cancel)
    {
        PageStart start = Paging.Read(page, MacAddress.IsCanonical);
        if (operations.Desired.FindBridge(name) is null)
        {
            throw new UnknownResourceException(DesiredResource.BridgeType, name.Value);
        }

        Reply reply = await operations.DataPlane.CallAsync(
            new Command
            {
                GetBridgeEntries = new GetBridgeEntries
                {
                    Name = name.Value,
                    AfterMac = start.After ?? "",
                    Limit = (uint)start.Size,
                },
            },
            cancel);
        Google.Protobuf.Collections.RepeatedField<BridgeEntry> entries = reply.BridgeEntries.Entries;
        return new PageOf<BridgeEntry>(
            entries, reply.BridgeEntries.More && entries.Count > 0 ? Paging.TokenAfter(entries[^1].Mac) : "");
    }

    public async Task DeleteAsync(ResourceName name, CancellationToken cancel)
    {
        using IDisposable entered = await operations.EnterAsync(cancel);
        await DeleteInsideAsync(name, mayBeGone: false, cancel);
    }

    /// <summary>Deletes a bridge for a request that has entered already.</summary>
    public async Task DeleteInsideAsync(ResourceName name, bool mayBeGone, CancellationToken cancel)
    {
        using IDisposable named = await operations.EnterNameAsync(DesiredResource.BridgeType, name, cancel);
        if (operations.Desired.FindBridge(name) is { } bridge)
        {
            await operations.DeleteAsync(bridge, () => Commands.Delete(bridge), cancel);
        }
        else if (!mayBeGone)
        {
            throw new UnknownResourceException(DesiredResource.BridgeType, name.Value);
        }
    }

    private async Task<IEnumerable<Bridge>> AllAsync(CancellationToken cancel)
    {
        Inventory? running = await operations.TryGetInventoryAsync(cancel);
        return ResourceOperations.Merge(
            operations.Desired.Bridges, running?.Bridges, b => b.Name,
            (wanted, found) => wanted.ToProto(found?.Status));
    }
}
