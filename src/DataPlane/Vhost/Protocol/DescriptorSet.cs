using Nf.Linux;

namespace Nf.DataPlane.Vhost.Protocol;

/// <summary>Descriptors that came with a message. What nobody takes is closed with the set.</summary>
internal sealed class DescriptorSet : IDisposable
{
    /// <summary>Most descriptors a message may bring (VHOST_MEMORY_BASELINE_NREGIONS of the specification).</summary>
    internal const int CountMax = 8;

    private readonly List<FileDescriptor> _descriptors = [];
    private int _taken;

    /// <summary>How many came, whether taken or not.</summary>
    internal int Count => _descriptors.Count;

    /// <summary>Where a receiver adds them.</summary>
    internal List<FileDescriptor> Received => _descriptors;

    /// <summary>The next one, still the set's.</summary>
    internal FileDescriptor Peek(int index) => _descriptors[index];

    /// <summary>Hands the next one over: the caller closes it.</summary>
    internal FileDescriptor Take() => _descriptors[_taken++];

    /// <summary>Takes it as an eventfd.</summary>
    /// <exception cref="VhostRefusedException">It is none; it is closed with the set.</exception>
    internal EventFd TakeEventFd(VhostRequest request)
    {
        try
        {
            var eventFd = EventFd.Adopt(_descriptors[_taken]);
            _taken++;
            return eventFd;
        }
        catch (ArgumentException e)
        {
            throw new VhostRefusedException($"{request}: {e.Message}", VhostFaultKind.BadValue);
        }
    }

    /// <summary>Closes what was not taken and begins anew.</summary>
    public void Dispose()
    {
        foreach (FileDescriptor descriptor in _descriptors.Skip(_taken))
        {
            descriptor.Dispose();
        }

        _descriptors.Clear();
        _taken = 0;
    }
}
