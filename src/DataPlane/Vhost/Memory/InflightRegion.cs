using Nf.Linux;

namespace Nf.DataPlane.Vhost.Memory;

/// <summary>The region in which descriptors in hand are noted, so that the next back-end can do them again
/// (GET_INFLIGHT_FD, SET_INFLIGHT_FD).</summary>
internal sealed unsafe class InflightRegion : IDisposable
{
    private readonly PeerMapping _mapping;
    private readonly InflightQueue?[] _queues;
    private bool _disposed;

    private InflightRegion(PeerMapping mapping, uint queues, uint queueSize, bool packed)
    {
        _mapping = mapping;
        QueueSize = queueSize;
        IsPacked = packed;
        _queues = new InflightQueue?[queues];
    }

    /// <summary>Its file; it stays its own.</summary>
    internal FileDescriptor File => _mapping.File;

    /// <summary>Its size in bytes.</summary>
    internal ulong SizeBytes => _mapping.SizeBytes;

    /// <summary>Where it begins in its file.</summary>
    internal ulong Offset => _mapping.Offset;

    /// <summary>How many rings it has parts for.</summary>
    internal uint QueueCount => (uint)_queues.Length;

    /// <summary>Largest ring it has room for.</summary>
    internal uint QueueSize { get; }

    /// <summary>Whether it is laid out for packed rings.</summary>
    internal bool IsPacked { get; }

    /// <summary>True once its file shrank under us.</summary>
    internal bool IsLost => _mapping.IsLost;

    /// <summary>Makes a zeroed, sealed region.</summary>
    /// <exception cref="VhostRefusedException">A count or size breaks a rule.</exception>
    internal static InflightRegion Create(uint queues, uint queueSize, bool packed)
    {
        ulong sizeBytes = InflightLayout.RegionBytes(queues, queueSize, packed);
        using FileDescriptor file = MemFile.Create("vhost-inflight", (long)sizeBytes, new MemFileOptions());
        MemFile.AddSeals(file, MemFileSeals.Grow | MemFileSeals.Shrink | MemFileSeals.Seal);
        return Map(file, sizeBytes, 0, queues, queueSize, packed);
    }

    /// <summary>Maps a region that a front-end kept.</summary>
    /// <exception cref="VhostRefusedException">It cannot be one of this shape.</exception>
    internal static InflightRegion Map(
        FileDescriptor file, ulong sizeBytes, ulong offset, uint queues, uint queueSize, bool packed)
    {
        ulong needed = InflightLayout.RegionBytes(queues, queueSize, packed);
        if (sizeBytes < needed)
        {
            throw new VhostRefusedException(
                $"inflight region: size {sizeBytes}; {queues} queues of {queueSize} need {needed}");
        }

        if (offset % sizeof(ulong) != 0)
        {
            throw new VhostRefusedException($"inflight region: offset {offset}; it must be a multiple of 8");
        }

        PeerMapping mapping = PeerMapping.Map(file, offset, sizeBytes, "inflight region");
        try
        {
            CheckParts(mapping, queues, queueSize, packed);
            return new InflightRegion(mapping, queues, queueSize, packed);
        }
        catch
        {
            mapping.Release();
            throw;
        }
    }

    /// <summary>The part of one ring: a <see cref="SplitInflightQueue"/> or a <see cref="PackedInflightQueue"/>; null
    /// when the region has none for it.</summary>
    internal InflightQueue? Queue(int ring) => ring < _queues.Length ? _queues[ring] ??= Make(ring) : null;

    public void Dispose()
    {
        if (!_disposed)
        {
            _disposed = true;
            _mapping.Release();
        }
    }

    private InflightQueue Make(int ring)
    {
        // SAFETY: the mapping has room for as many parts as there are queues.
        byte* part = _mapping.Base + ((ulong)ring * InflightLayout.QueueBytes(QueueSize, IsPacked));
        return IsPacked ? new PackedInflightQueue(part, QueueSize) : new SplitInflightQueue(part, QueueSize);
    }

    // What does not fit the shape is refused while there is still somebody to be told.
    private static void CheckParts(PeerMapping mapping, uint queues, uint queueSize, bool packed)
    {
        ulong stride = InflightLayout.QueueBytes(queueSize, packed);
        for (uint i = 0; i < queues; i++)
        {
            // SAFETY: as in the constructor. Version and count have the same place in both headers.
            var header = (InflightHeaderSplit*)(mapping.Base + (i * stride));
            ushort version = Volatile.Read(ref header->Version);
            ushort count = Volatile.Read(ref header->DescriptorCount);
            if (version > InflightLayout.Version)
            {
                throw new VhostRefusedException(
                    $"inflight region, queue {i}: version {version}; only 0 and {InflightLayout.Version} are known");
            }

            if (version != 0 && count != queueSize)
            {
                throw new VhostRefusedException(
                    $"inflight region, queue {i}: made for {count} descriptors; the message says {queueSize}");
            }
        }
    }
}
