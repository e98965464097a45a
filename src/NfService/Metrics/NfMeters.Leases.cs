using System.Diagnostics.Metrics;
using Nf.V1;

namespace Nf.Service;

// Instruments of leases, from the last inventory.
internal sealed partial class NfMeters
{
    private void AddLeases()
    {
        _meter.CreateObservableGauge(
            "nf_leases",
            () => Leases().GroupBy(lease => (lease.Uid, lease.Held)).Select(group => new Measurement<long>(
                group.Count(), Tags(("uid", group.Key.Uid), ("held", group.Key.Held ? "true" : "false")))),
            null, "Sockets that are lent, by user; not held: kept for a client that is gone");
        _meter.CreateObservableGauge(
            "nf_lease_memory",
            () => Leases().GroupBy(lease => lease.Uid).Select(group => new Measurement<long>(
                group.Sum(lease => (long)lease.MemoryBytes), Tags(("uid", group.Key)))),
            "By", "Packet memory of leases, by user");
    }

    private IEnumerable<Lease> Leases() => _source.Read().Running.Leases.Values;
}
