using Nf.SharedMemory.Segments;

namespace Nf.Service;

/// <summary>What clients asked for and have not deleted. Checks between resources are made here, in one step.</summary>
/// <remarks>Thread-safe; nothing here waits.</remarks>
internal sealed partial class DesiredState(QuotaTable quotas)
{
    /// <summary>Most links. Arbitrary: half the ports, as a link needs two.</summary>
    public const int LinkCountMax = 128;

    /// <summary>Most bridges. Arbitrary.</summary>
    public const int BridgeCountMax = 64;

    private readonly Lock _lock = new();
    private readonly ResourceTable<DesiredUmem> _umems = new(DesiredResource.UmemType, SegmentLayout.UmemCountMax);
    private readonly ResourceTable<DesiredXskSocket> _sockets =
        new(DesiredResource.XskSocketType, SegmentLayout.PortCountMax);

    private readonly ResourceTable<DesiredVhostDevice> _devices =
        new(DesiredResource.VhostDeviceType, SegmentLayout.PortCountMax);

    private readonly ResourceTable<DesiredLink> _links = new(DesiredResource.LinkType, LinkCountMax);
    private readonly ResourceTable<DesiredBridge> _bridges = new(DesiredResource.BridgeType, BridgeCountMax);

    public IReadOnlyList<DesiredUmem> Umems => Read(() => _umems.All.ToArray());

    public IReadOnlyList<DesiredXskSocket> XskSockets => Read(() => _sockets.All.ToArray());

    public IReadOnlyList<DesiredVhostDevice> VhostDevices => Read(() => _devices.All.ToArray());

    public IReadOnlyList<DesiredLink> Links => Read(() => _links.All.ToArray());

    public IReadOnlyList<DesiredBridge> Bridges => Read(() => _bridges.All.ToArray());

    public QuotaTable Quotas => quotas;

    public DesiredUmem? FindUmem(ResourceName name) => Read(() => _umems.Find(name.Value));

    public DesiredXskSocket? FindXskSocket(ResourceName name) => Read(() => _sockets.Find(name.Value));

    public DesiredVhostDevice? FindVhostDevice(ResourceName name) => Read(() => _devices.Find(name.Value));

    public DesiredLink? FindLink(ResourceName name) => Read(() => _links.Find(name.Value));

    public DesiredBridge? FindBridge(ResourceName name) => Read(() => _bridges.Find(name.Value));

    /// <summary>Adds a resource whose name is free, unless a rule forbids it.</summary>
    /// <param name="resource">What to add.</param>
    /// <param name="checkOnly">Look at the rules and leave it at that.</param>
    public void Add(DesiredResource resource, bool checkOnly = false)
    {
        lock (_lock)
        {
            TableOf(resource).CheckRoom();
            switch (resource)
            {
                case DesiredUmem umem:
                    quotas.Check(umem.QuotaOwner, umem.QuotaBytes, UsedBytes(umem.QuotaOwner));
                    break;
                case DesiredXskSocket socket:
                    _ = _umems.Get(socket.Umem, "spec.umem");
                    break;
                case DesiredVhostDevice device:
                    CheckPathFree(device);
                    break;
                case DesiredConnection connection:
                    CheckMembersFree(connection);
                    CheckCpumapsOf(connection);
                    break;
                case DesiredSteering steering:
                    CheckSteering(steering);
                    break;
            }

            if (!checkOnly)
            {
                TableOf(resource).Put(resource);
            }
        }
    }

    /// <summary>Takes in a resource that runs, or takes one back whose deletion failed; no rule applies.</summary>
    public void Put(DesiredResource resource)
    {
        lock (_lock)
        {
            TableOf(resource).Put(resource);
        }
    }

    /// <summary>Removes a resource that nothing uses.</summary>
    /// <exception cref="ResourceInUseException">Something uses it.</exception>
    public void RemoveUnused(DesiredResource resource)
    {
        lock (_lock)
        {
            ThrowIfUsed(resource, resource switch
            {
                DesiredCpumap => UsersOfCpumap(resource.Name.Value),
                DesiredCpumapProgram => EntriesThatRun(resource.Name.Value),
                _ => [.. Users(resource).Select(ResourceUser.Of), .. SendersTo(resource)],
            });
            TableOf(resource).Remove(resource.Name.Value);
        }
    }

    /// <summary>Removes a resource whose creation came to nothing.</summary>
    public void Remove(DesiredResource resource)
    {
        lock (_lock)
        {
            TableOf(resource).Remove(resource.Name.Value);
        }
    }

    /// <summary>The resources that use this one, all of one type, by name.</summary>
    public IReadOnlyList<DesiredResource> UsersOf(DesiredResource resource) => Read(() => Users(resource));

    /// <summary>Bytes that each owner holds, owners of a limit included.</summary>
    public IReadOnlyDictionary<string, ulong> UsedBytesByOwner() => Read(() => _umems.All
        .Select(umem => umem.QuotaOwner)
        .Union(quotas.NamedOwners)
        .ToDictionary(owner => owner, UsedBytes));

    private T Read<T>(Func<T> read)
    {
        lock (_lock)
        {
            return read();
        }
    }

    private ulong UsedBytes(string owner)
    {
        ulong used = 0;
        foreach (DesiredUmem umem in _umems.All.Where(umem => umem.QuotaOwner == owner))
        {
            used = umem.QuotaBytes > ulong.MaxValue - used ? ulong.MaxValue : used + umem.QuotaBytes;
        }

        return used;
    }

    private void CheckPathFree(DesiredVhostDevice device)
    {
        if (_devices.All.FirstOrDefault(other => other.SocketPath == device.SocketPath) is { } other)
        {
            throw new ResourceInUseException(
                "spec.socket_path", device.SocketPath, DesiredResource.VhostDeviceType, [other.Name.Value],
                "SOCKET_PATH_TAKEN");
        }
    }

    private void CheckMembersFree(DesiredConnection connection)
    {
        foreach (EndpointMember member in connection.Members)
        {
            bool isDevice = member.Type == DesiredResource.VhostDeviceType;
            DesiredResource found = isDevice ? _devices.Get(member.Name, "spec") : _sockets.Get(member.Name, "spec");
            if (Users(found).FirstOrDefault() is { } user)
            {
                throw new ResourceInUseException(
                    member.Type, member.Name, user.Type, [user.Name.Value],
                    user is DesiredLink ? "SOCKET_IN_LINK" : "SOCKET_IN_BRIDGE");
            }
        }
    }

    private DesiredResource[] Users(DesiredResource resource)
    {
        if (resource is DesiredUmem umem)
        {
            return [.. _sockets.All.Where(socket => socket.Umem == umem.Name.Value)];
        }

        var member = new EndpointMember(resource.Type, resource.Name.Value);
        return resource is DesiredXskSocket or DesiredVhostDevice
            ? [.. _links.All.Concat<DesiredConnection>(_bridges.All).Where(user => user.Members.Contains(member))]
            : [];
    }

    private IResourceTable TableOf(DesiredResource resource) => resource switch
    {
        DesiredUmem => _umems,
        DesiredXskSocket => _sockets,
        DesiredVhostDevice => _devices,
        DesiredLink => _links,
        DesiredBridge => _bridges,
        DesiredCpumap => _cpumaps,
        DesiredCpumapProgram => _programs,
        DesiredSteering => _steerings,
        _ => throw new ArgumentException($"a resource of type {resource.Type}", nameof(resource)),
    };
}
