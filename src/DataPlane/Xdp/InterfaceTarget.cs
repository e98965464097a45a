using Nf.Linux;

namespace Nf.DataPlane.Xdp;

/// <summary>An interface in a network namespace, under the name it had when it was looked up.</summary>
/// <param name="Network">Where it is.</param>
/// <param name="Ifindex">Its index there.</param>
/// <param name="Name">Its name, for messages.</param>
internal sealed record InterfaceTarget(NetworkNamespace Network, int Ifindex, string Name)
{
    /// <inheritdoc/>
    public override string ToString() => $"interface {Name} (ifindex {Ifindex})";
}
