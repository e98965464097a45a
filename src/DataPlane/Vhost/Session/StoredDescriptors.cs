using Nf.Linux;

namespace Nf.DataPlane.Vhost.Session;

/// <summary>Descriptors of a stored connection, in their order. What nobody takes is closed.</summary>
internal sealed class StoredDescriptors(IReadOnlyList<FileDescriptor> descriptors) : IDisposable
{
    private readonly List<FileDescriptor> _left = [];
    private int _next;

    /// <summary>Hands the next one over.</summary>
    /// <exception cref="VhostRefusedException">There is none.</exception>
    internal FileDescriptor Take() => _next < descriptors.Count
        ? descriptors[_next++]
        : throw new VhostRefusedException(
            $"{descriptors.Count} descriptors are stored, more are needed", VhostFaultKind.BadState);

    /// <summary>Lends the next one until the end.</summary>
    internal FileDescriptor Borrow()
    {
        FileDescriptor descriptor = Take();
        _left.Add(descriptor);
        return descriptor;
    }

    public void Dispose()
    {
        foreach (FileDescriptor descriptor in _left.Concat(descriptors.Skip(_next)))
        {
            descriptor.Dispose();
        }
    }
}
