namespace Nf.DataPlane.Control;

/// <summary>Who sends to the ports of a socket or device besides what connects it.</summary>
internal interface IPortUsers
{
    /// <summary>Names of those that send to it, such as "cpumap/NAME".</summary>
    IEnumerable<string> UsersOf(IConnectable target);

    /// <summary>It has other ports now, or is about to have another worker. Returns when nobody sends to what it
    /// was.</summary>
    void Refresh(IConnectable target);
}

/// <summary>Nobody.</summary>
internal sealed class NoPortUsers : IPortUsers
{
    public IEnumerable<string> UsersOf(IConnectable target) => [];

    public void Refresh(IConnectable target)
    {
    }
}
