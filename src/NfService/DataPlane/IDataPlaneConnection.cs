using Nf.Linux;

namespace Nf.Service;

/// <summary>A packet that came in; owns the descriptors that came beside it until someone takes them.</summary>
internal sealed class ReceivedPacket(ReadOnlyMemory<byte> bytes, IReadOnlyList<FileDescriptor> descriptors)
    : IDisposable
{
    public ReadOnlyMemory<byte> Bytes { get; } = bytes;

    public IReadOnlyList<FileDescriptor> Descriptors { get; } = descriptors;

    public void Dispose()
    {
        foreach (FileDescriptor descriptor in Descriptors)
        {
            descriptor.Dispose();
        }
    }
}

/// <summary>A connection to the data plane that carries whole packets.</summary>
internal interface IDataPlaneConnection : IDisposable
{
    /// <summary>Sends a packet unless there is no room for it now. One caller at a time.</summary>
    /// <param name="packet">Not empty.</param>
    /// <param name="beside">A descriptor whose copy goes with it; stays the caller's.</param>
    /// <returns>False when there is no room.</returns>
    /// <exception cref="IOException">The connection is gone.</exception>
    bool TrySend(ReadOnlySpan<byte> packet, FileDescriptor? beside = null);

    /// <summary>Waits for a packet. One caller at a time.</summary>
    /// <returns>Null when the connection is gone.</returns>
    /// <exception cref="IOException">A packet came that breaks the rules of the connection.</exception>
    ReceivedPacket? Receive();

    /// <summary>Ends the connection; a waiting <see cref="Receive"/> returns.</summary>
    void Close();
}

/// <summary>Makes connections to the data plane.</summary>
internal interface IDataPlaneConnector
{
    /// <summary>Where connections go to, for messages.</summary>
    string Address { get; }

    /// <exception cref="IOException">Nobody listens there.</exception>
    IDataPlaneConnection Connect();
}
