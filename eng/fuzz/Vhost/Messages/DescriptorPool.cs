using Nf.Linux;

namespace Nf.DataPlane.VhostFuzz.Messages;

/// <summary>Descriptors of the kinds a front-end may send, and of others; gives copies, and knows whether they were
/// closed.</summary>
internal sealed class DescriptorPool : IDisposable
{
    /// <summary>The letters: e eventfd, m memory of 1 MiB, s memory of one page, u stream socket, f file of
    /// /proc.</summary>
    internal const string Kinds = "emsuf";

    private readonly EventFd _eventFd = EventFd.Create();
    private readonly string _name = $"fuzz-{Guid.NewGuid()}";
    private readonly FileDescriptor _memory;
    private readonly FileDescriptor _page;
    private readonly FileDescriptor _file = FileDescriptor.OpenReadOnly("/proc/self/stat");
    private readonly UnixStreamSocket _socket;
    private readonly UnixStreamSocket _peer;
    private readonly List<FileDescriptor> _given = [];
    private bool _socketWasGiven;

    internal DescriptorPool()
    {
        _memory = MemFile.Create(_name, 1 << 20, new MemFileOptions());
        _page = MemFile.Create(_name, 4096, new MemFileOptions());
        (_socket, _peer) = UnixStreamSocket.SocketPair();
    }

    /// <summary>How often memory of the pool is mapped in this process.</summary>
    internal int Mapped => File.ReadLines("/proc/self/maps").Count(line => line.Contains(_name));

    /// <summary>Something to poll.</summary>
    internal FileDescriptor Any => _socket.Descriptor;

    internal FileDescriptor Give(char kind)
    {
        FileDescriptor given = kind switch
        {
            'e' => _eventFd.Descriptor.Duplicate(),
            'm' => _memory.Duplicate(),
            's' => _page.Duplicate(),
            'u' => _socket.Descriptor.Duplicate(),
            _ => _file.Duplicate(),
        };
        _given.Add(given);
        _socketWasGiven |= kind == 'u';
        return given;
    }

    /// <summary>Forgets what was given; false when some of it is still open.</summary>
    internal bool TakeBack()
    {
        bool closed = _given.TrueForAll(descriptor => descriptor.IsClosed);
        _given.Clear();
        if (_socketWasGiven)
        {
            _socketWasGiven = false;
            DrainPeer();
        }

        return closed;
    }

    // What was written into the socket must not pile up over millions of inputs.
    private void DrainPeer()
    {
        Span<byte> buffer = stackalloc byte[4096];
        while (_peer.TryReceive(buffer, out _, []) == TransferStatus.Done)
        {
        }
    }

    public void Dispose()
    {
        _eventFd.Dispose();
        _memory.Dispose();
        _page.Dispose();
        _file.Dispose();
        _socket.Dispose();
        _peer.Dispose();
    }
}
