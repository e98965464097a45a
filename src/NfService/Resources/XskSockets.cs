using Nf.Internal.V1;
using Nf.V1;

namespace Nf.Service;

/// <summary>What can be done with AF_XDP sockets.</summary>
internal sealed class XskSockets(ResourceOperations operations, Connections connections)
{
    public async Task<XskSocket> BindAsync(DesiredXskSocket socket, bool validateOnly, CancellationToken cancel)
    {
        if (validateOnly)
        {
            if (!ResourceOperations.Exists(operations.Desired.FindXskSocket(socket.Name), socket))
            {
                operations.Desired.Add(socket, checkOnly: true);
            }

            return socket.ToProto();
        }

        using IDisposable entered = await operations.EnterAsync(cancel);
        using IDisposable named = await operations.EnterNameAsync(socket, cancel);
        if (ResourceOperations.Exists(operations.Desired.FindXskSocket(socket.Name), socket))
        {
            return await GetAsync(socket.Name, cancel);
        }

        Reply reply = await operations.CreateAsync(socket, () => Commands.Bind(socket), cancel);
        return socket.ToProto(reply.XskSocket.Status);
    }

    /// <summary>One socket; without a status where there is no data plane.</summary>
    /// <exception cref="UnknownResourceException">There is none.</exception>
    public async Task<XskSocket> GetAsync(ResourceName name, CancellationToken cancel)
    {
        IEnumerable<XskSocket> all = await AllAsync(cancel);
        return all.FirstOrDefault(s => s.Name == name.Value)
            ?? throw new UnknownResourceException(DesiredResource.XskSocketType, name.Value);
    }

    public async Task<PageOf<XskSocket>> ListAsync(Page? page, CancellationToken cancel) =>
        Paging.Cut(await AllAsync(cancel), socket => socket.Name, page);

    /// <summary>Unbinds a socket.</summary>
    /// <param name="name">Its name.</param>
    /// <param name="force">Delete its link or bridge first.</param>
    /// <param name="cancel">Gives up.</param>
    /// <exception cref="ResourceInUseException">A link or bridge uses it and it is not forced.</exception>
    public async Task UnbindAsync(ResourceName name, bool force, CancellationToken cancel)
    {
        using IDisposable entered = await operations.EnterAsync(cancel);
        await UnbindInsideAsync(name, force, mayBeGone: false, cancel);
    }

    /// <summary>Unbinds a socket for a request that has entered already.</summary>
    public async Task UnbindInsideAsync(ResourceName name, bool force, bool mayBeGone, CancellationToken cancel)
    {
        using IDisposable named = await operations.EnterNameAsync(DesiredResource.XskSocketType, name, cancel);
        if (operations.Desired.FindXskSocket(name) is not { } socket)
        {
            if (mayBeGone)
            {
                return;
            }

            throw new UnknownResourceException(DesiredResource.XskSocketType, name.Value);
        }

        await connections.DeleteMemberAsync(socket, force, () => Commands.Unbind(socket), cancel);
    }

    private async Task<IEnumerable<XskSocket>> AllAsync(CancellationToken cancel)
    {
        Inventory? running = await operations.TryGetInventoryAsync(cancel);
        return ResourceOperations.Merge(
            operations.Desired.XskSockets, running?.XskSockets, s => s.Name,
            (wanted, found) => wanted.ToProto(found?.Status));
    }
}
