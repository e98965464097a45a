using Nf.DataPlane.Control;
using Nf.Linux;
using Nf.SharedMemory.Broker;

namespace Nf.DataPlane.Broker;

/// <summary>Tells leases what happens to their interfaces: their sockets say nothing of it.</summary>
/// <param name="leases">All leases.</param>
internal sealed class LeaseDevices(LeaseTable leases) : IDeviceFollower
{
    public IEnumerable<NetworkNamespace> Networks => leases.All.Select(lease => lease.Network);

    public void Changed(FileIdentity network, LinkInfo link)
    {
        foreach (Lease lease in On(network).Where(lease => lease.Answer.Ifindex == link.Ifindex))
        {
            lease.Answer.FrameBytesMax = XskResource.FrameBytesOf(link);
            if (lease.State is LeaseState.Bound or LeaseState.DeviceDown)
            {
                leases.SetState(
                    lease,
                    link.IsUp ? LeaseState.Bound : LeaseState.DeviceDown,
                    link.IsUp ? "" : $"interface {link.Name} is down");
            }
        }
    }

    public void Deleted(FileIdentity network, LinkInfo link)
    {
        foreach (Lease lease in On(network).Where(lease => lease.Answer.Ifindex == link.Ifindex))
        {
            Lost(lease);
        }
    }

    public void Recheck(FileIdentity network)
    {
        foreach (Lease lease in On(network))
        {
            LinkInfo? link = lease.Network.Run(() =>
            {
                using var route = new RouteNetlink();
                return route.FindLink((int)lease.Answer.Ifindex);
            });

            // An interface of that index may be another one by now; only the socket itself tells (ENXIO). The call also
            // sends what its client has submitted, which it may do at any time.
            if (link is null || (lease.State != LeaseState.Registering && lease.Socket.KickTx() == Errno.ENXIO))
            {
                Lost(lease);
            }
            else
            {
                Changed(network, link);
            }
        }
    }

    private void Lost(Lease lease)
    {
        if (lease.Holder is null)
        {
            leases.End(lease, $"interface {lease.Interface} is gone");
        }
        else
        {
            leases.SetState(lease, LeaseState.DeviceLost, $"interface {lease.Interface} is gone");
        }
    }

    private List<Lease> On(FileIdentity network) =>
        [.. leases.All.Where(lease => lease.NetworkIdentity == network && lease.State != LeaseState.DeviceLost)];
}
