using Nf.Linux;

namespace Nf.DataPlane.UserMemories;

/// <summary>
/// Memory of another process as an object: noted at its creation, its pages fetched at the first use, given back when
/// its owner takes the memory away. Counted: a handle, each user and each attempt to fetch its pages hold it.
/// </summary>
/// <remarks>The control thread's, except for what <see cref="AcquireJob"/> reads, which never changes.</remarks>
internal sealed partial class UserMemory : Counted
{
    private readonly IntervalTree<UserMemory>.Node _node;
    private readonly InvalidationSource? _source;

    /// <summary>An object; its creator has the first reference. Owns the descriptors.</summary>
    internal UserMemory(
        UserMemoryClient client, in UserMemoryRequest request, FileDescriptor? file, Userfaultfd? source)
    {
        Client = client;
        Address = request.Address;
        Size = request.Size;
        Flags = request.Flags;
        FileOffset = request.FileOffset;
        File = file;
        IsTracked = !Flags.HasFlag(UserMemoryFlags.Unsynchronized);
        PageBytes = (ulong)(file?.MappingPageBytes ?? Environment.SystemPageSize);
        _node = new IntervalTree<UserMemory>.Node(Address, Address + Size - 1, this);
        client.Add(this);
        if (source is not null)
        {
            // Whether tracked or not: its owner waits until the messages are taken.
            _source = new InvalidationSource(this, source);
            _source.Start();
        }
    }

    /// <summary>Whose memory it is.</summary>
    internal UserMemoryClient Client { get; }

    /// <summary>In the client's address space.</summary>
    internal ulong Address { get; }

    /// <summary>Bytes.</summary>
    internal ulong Size { get; }

    /// <summary>As it was asked for.</summary>
    internal UserMemoryFlags Flags { get; }

    /// <summary>The file behind it (design A), for a registration as packet memory; null where only its owner can map
    /// it (design B). Stays this object's.</summary>
    internal FileDescriptor? File { get; }

    /// <summary>Where it begins in the file, in bytes.</summary>
    internal ulong FileOffset { get; }

    /// <summary>Whether it is never written to here.</summary>
    internal bool IsReadOnly => Flags.HasFlag(UserMemoryFlags.ReadOnly);

    /// <summary>What may be done to a mapping of it.</summary>
    internal MapAccess Access => IsReadOnly ? MapAccess.Read : MapAccess.ReadWrite;

    /// <summary>Whether its owner's munmap is waited for.</summary>
    internal bool IsTracked { get; private set; }

    /// <summary>What tells when its owner takes it away; null when nothing does.</summary>
    internal Userfaultfd? Source => _source?.Userfault;

    /// <summary>Size of its pages; more than the system's for huge ones.</summary>
    internal ulong PageBytes { get; }

    /// <summary>Where the pages begin that it lies in: what is watched are whole pages, huge ones too.</summary>
    internal ulong WatchStart => Address / PageBytes * PageBytes;

    /// <summary>Where the pages end that it lies in.</summary>
    internal ulong WatchEnd => (Address + Size + PageBytes - 1) / PageBytes * PageBytes;

    /// <summary>Of its client's registry.</summary>
    internal UserMemoryLimits Limits => Registry.Limits;

    private UserMemoryRegistry Registry => Client.Registry;

    /// <summary>Gives it to a third party: a memory file of its own open file, for reading only where the memory is.
    /// The file may be larger than the object. Takes tracking, which is switched on where it was not.</summary>
    /// <exception cref="CommandFaultException">EOPNOTSUPP: there is no file. ENODEV: it cannot be tracked. EFAULT: its
    /// owner is gone.</exception>
    internal FileDescriptor Export()
    {
        if (File is null)
        {
            throw UserMemoryRules.Fault(
                "NOT_EXPORTABLE", "memory without a file cannot be given to others", Errno.EOPNOTSUPP);
        }

        if (Client.HasExited)
        {
            throw UserMemoryRules.Fault("OWNER_GONE", "the process that owns the memory is gone", Errno.EFAULT);
        }

        if (!IsTracked)
        {
            if (_source is null)
            {
                throw UserMemoryRules.Fault(
                    "NO_TRACKING", "memory that nothing tracks cannot be given to others", Errno.ENODEV);
            }

            IsTracked = true;
            Client.SetActive(_node, IsHeld);
        }

        int access = IsReadOnly ? Libc.O_RDONLY : Libc.O_RDWR;
        try
        {
            // Opened again: a copy of the client's own would let both move one file position.
            return FileDescriptor.Open(File.OwnPath, access);
        }
        catch (LinuxException e)
        {
            throw CommandFaultException.From("NOT_EXPORTABLE", "the memory's file cannot be opened again", e);
        }
    }

    /// <summary>Gives a reference back; the last one ends the object, and nothing of it is left.</summary>
    internal void Drop()
    {
        if (!DropReference())
        {
            return;
        }

        if (IsHeld)
        {
            PutPages(UserMemoryState.Registered);
        }

        _anchor?.Dispose();
        Client.Remove(this);
        _source?.End();
        File?.Dispose();
        Registry.Forget(Client);
    }
}
