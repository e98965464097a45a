using Nf.Linux;

namespace Nf.DataPlane.Control;

/// <summary>Who has sockets besides the sockets of the data plane, and wants to know what happens to their
/// interfaces.</summary>
internal interface IDeviceFollower
{
    /// <summary>Where its interfaces are; a namespace may come more than once.</summary>
    IEnumerable<NetworkNamespace> Networks { get; }

    /// <summary>An interface changed: its name, MTU, state.</summary>
    void Changed(FileIdentity network, LinkInfo link);

    /// <summary>An interface was deleted, or moved to another namespace.</summary>
    void Deleted(FileIdentity network, LinkInfo link);

    /// <summary>Something may have been missed: every interface of a namespace is to be looked at.</summary>
    void Recheck(FileIdentity network);
}

/// <summary>Nobody.</summary>
internal sealed class NoDeviceFollower : IDeviceFollower
{
    public IEnumerable<NetworkNamespace> Networks => [];

    public void Changed(FileIdentity network, LinkInfo link)
    {
    }

    public void Deleted(FileIdentity network, LinkInfo link)
    {
    }

    public void Recheck(FileIdentity network)
    {
    }
}
