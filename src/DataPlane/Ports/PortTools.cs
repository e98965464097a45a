using Nf.DataPlane.Frames;
using Nf.DataPlane.Memory;

namespace Nf.DataPlane.Ports;

/// <summary>What a worker lends the ports that it polls: they are never in use by two of them at once.</summary>
internal sealed unsafe class PortTools : IDisposable
{
    private readonly Action<Port> _unwatch;

    /// <param name="record">Where steps are written down before they are taken.</param>
    /// <param name="unwatch">Forgets the descriptors of a port.</param>
    internal PortTools(WorkerRecord* record, Action<Port> unwatch)
    {
        Record = record;
        _unwatch = unwatch;
    }

    /// <summary>Where steps are written down before they are taken.</summary>
    internal WorkerRecord* Record { get; }

    /// <summary>Frames received and not yet released.</summary>
    internal FrameBatch Batch { get; } = new();

    /// <summary>Where frames are finished for ports that take no unfinished ones.</summary>
    internal FrameFinisher Finisher { get; } = new();

    /// <summary>Where frames come back to that its ports handed over to other workers; null while none do.</summary>
    internal CrossingHome? Home { get; set; }

    /// <summary>Forgets the descriptors of a port, which are about to change.</summary>
    internal void Unwatch(Port port) => _unwatch(port);

    public void Dispose()
    {
        Batch.Dispose();
        Finisher.Dispose();
    }
}
