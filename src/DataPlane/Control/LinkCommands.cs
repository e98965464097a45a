using Nf.Linux;
using Nf.V1;

namespace Nf.DataPlane.Control;

/// <summary>Creates and deletes links.</summary>
internal sealed class LinkCommands(Resources resources)
{
    private readonly Endpoints _endpoints = new(resources);
    private readonly Gathering _gathering = new(resources);

    /// <exception cref="CommandFaultException">
    /// NAME_TAKEN, INVALID_SPEC, UNKNOWN_RESOURCE, SOCKET_IN_LINK, ENDPOINT_IN_USE, WORKER_MISMATCH, LIMIT_REACHED.
    /// </exception>
    internal Link Create(Link asked)
    {
        if (resources.Links.ContainsKey(asked.Name))
        {
            throw new CommandFaultException("NAME_TAKEN", $"link \"{asked.Name}\" exists", Errno.EEXIST);
        }

        if (resources.Links.Count >= Resources.LinkCountMax)
        {
            throw new CommandFaultException(
                "LIMIT_REACHED", $"there are {Resources.LinkCountMax} links already, the most", Errno.ENOBUFS);
        }

        LinkResource link = Resolve(asked);
        Endpoints.CheckFree(link);
        _gathering.OnOneWorker(link);
        resources.Store.Put(link);
        Join(link, restart: true);
        resources.Events.Add(
            EventKind.Created, "link", link.Name,
            $"{Tell(link.A)} and {Tell(link.B)} on CPU {link.Worker.Cpu}");
        return link.Describe();
    }

    /// <summary>Deletes a link; its sockets and devices stay and drop what they receive.</summary>
    /// <exception cref="CommandFaultException">UNKNOWN_RESOURCE.</exception>
    internal void Delete(string name)
    {
        LinkResource link = resources.Link(name);
        resources.Store.Drop(link);
        Endpoints.Part(link);
        resources.Links.Remove(name);
        resources.Events.Add(EventKind.Deleted, "link", name, "");
    }

    /// <summary>Makes a link of an earlier life work again.</summary>
    /// <remarks>That life may have ended while it moved the ends onto one worker: the store then names two.</remarks>
    internal void Adopt(Link asked)
    {
        LinkResource link = Resolve(asked);
        Endpoints.CheckFree(link);
        _gathering.OnOneWorker(link);
        Join(link, restart: false);
    }

    private LinkResource Resolve(Link asked) => new(
        asked, _endpoints.Resolve("spec.a", asked.Spec?.A), _endpoints.Resolve("spec.b", asked.Spec?.B),
        resources.Crossings)
    {
        UseOfA = _endpoints.ResolveUse("spec.a", asked.Spec?.A),
        UseOfB = _endpoints.ResolveUse("spec.b", asked.Spec?.B),
    };

    private void Join(LinkResource link, bool restart)
    {
        resources.Links.Add(link.Name, link);
        Endpoints.Join(link, restart);
    }

    private static string Tell(IReadOnlyList<IConnectable> end) =>
        end is [var single] ? single.Describe() : $"{end.Count} sockets";
}
