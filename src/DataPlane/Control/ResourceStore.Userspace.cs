using Google.Protobuf;
using Nf.Internal.V1;

namespace Nf.DataPlane.Control;

// Cpumaps in user space: no descriptors, the next life makes their queues anew.
internal sealed partial class ResourceStore
{
    internal const string UserspaceCpumapPrefix = "user-cpumap/";

    internal void Put(UserspaceCpumapResource cpumap)
    {
        var stored = new StoredCpumap { Version = KernelCpumaps.StoredVersion, Cpumap = cpumap.Asked };
        stored.Entries.AddRange(cpumap.Entries.Values.Select(
            entry => new StoredCpumapEntry { Spec = entry.Spec, Slot = (uint)entry.Slot }));
        _keeper.Put(UserspaceCpumapPrefix + cpumap.Name, stored.ToByteArray(), []);
    }

    internal void Drop(UserspaceCpumapResource cpumap) => Drop(UserspaceCpumapPrefix + cpumap.Name);
}
