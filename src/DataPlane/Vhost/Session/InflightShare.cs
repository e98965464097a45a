using Nf.DataPlane.Vhost.Memory;
using Nf.Linux;

namespace Nf.DataPlane.Vhost.Session;

/// <summary>The inflight region of a connection, and how it was described.</summary>
/// <param name="Region">Mapped.</param>
/// <param name="File">Its file, for the next life.</param>
/// <param name="SizeBytes">Its size.</param>
/// <param name="Offset">Where it begins in the file.</param>
/// <param name="Queues">Rings it has room for.</param>
/// <param name="QueueSize">Descriptors of each of them.</param>
internal sealed record InflightShare(
    InflightRegion Region, FileDescriptor File, ulong SizeBytes, ulong Offset, uint Queues, uint QueueSize)
    : IDisposable
{
    /// <summary>The part of a ring; null when there is no room for one of its size.</summary>
    internal InflightQueue? Find(Vring ring) =>
        ring.Index < Queues && ring.Size <= QueueSize ? Region.Queue(ring.Index) : null;

    public void Dispose()
    {
        Region.Dispose();
        File.Dispose();
    }
}
