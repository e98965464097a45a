using System.Buffers.Binary;
using Nf.Linux;

namespace Nf.DataPlane.Tests.Control.Vhost;

/// <summary>
/// A front-end with a guest in it, written from the specification and sharing no code with the back-end: negotiates,
/// shares its memory, and runs the driver's side of split rings.
/// </summary>
internal sealed unsafe class ScriptedFrontEnd : IDisposable
{
    internal const ulong Version1 = 1UL << 32;
    internal const ulong MergeableBuffers = 1UL << 15;
    internal const ulong MultiQueue = 1UL << 22;
    internal const ulong ProtocolBit = 1UL << 30;
    internal const ulong ProtocolMultiQueue = 1;
    internal const ulong ProtocolReplyAck = 1 << 3;
    internal const ulong ProtocolBackendRequest = 1 << 5;
    internal const ulong ProtocolConfig = 1 << 9;
    internal const ulong LinkStatus = 1UL << 16;

    private const uint NeedReply = 8;

    private readonly UnixStreamSocket _socket;
    private readonly FileDescriptor _file;
    private readonly MappedMemory _memory;
    private readonly List<FileDescriptor> _received = [];

    internal ScriptedFrontEnd(UnixStreamSocket socket, int pairs = 1)
    {
        _socket = socket;
        Rings = [.. Enumerable.Range(0, 2 * pairs).Select(index => new GuestRing(index))];
        _file = MemFile.Create("nf-test-guest", Rings.Count * GuestRing.BlockBytes, new MemFileOptions());
        _memory = MappedMemory.Map(_file, 0, Rings.Count * GuestRing.BlockBytes, MapAccess.ReadWrite, populate: true);
        foreach (GuestRing ring in Rings)
        {
            ring.Attach(_memory.Address);
        }
    }

    internal IReadOnlyList<GuestRing> Rings { get; }

    /// <summary>Protocol features that it takes.</summary>
    internal ulong Protocol { get; init; } = ProtocolMultiQueue | ProtocolReplyAck;

    /// <summary>Features that were taken.</summary>
    internal ulong Features { get; private set; }

    internal FileDescriptor MemoryFile => _file;

    internal static ScriptedFrontEnd Connect(string path, int pairs = 1) =>
        new(UnixStreamSocket.Connect(path), pairs);

    /// <summary>Everything up to rings that run.</summary>
    internal void Start(ulong features = Version1 | MergeableBuffers, int? enabledPairs = null)
    {
        Negotiate(features);
        ShareMemory();
        foreach (GuestRing ring in Rings)
        {
            StartRing(ring);
        }

        for (int ring = 0; ring < 2 * (enabledPairs ?? Rings.Count / 2); ring++)
        {
            Enable(ring, true);
        }
    }

    internal void Negotiate(ulong features)
    {
        Send(3, [], needReply: false);
        ulong offered = GetNumber(1);
        Assert.NotEqual(0ul, offered & ProtocolBit);
        ulong protocol = GetNumber(15) & Protocol;
        Assert.Equal(Protocol, protocol);
        Send(16, Number(protocol), needReply: false);
        Features = features | ProtocolBit;
        Assert.Equal(Features, offered & Features);
        Set(2, Number(Features));
    }

    internal void ShareMemory()
    {
        var payload = new byte[8 + 32];
        BinaryPrimitives.WriteUInt32LittleEndian(payload, 1);
        BinaryPrimitives.WriteUInt64LittleEndian(payload.AsSpan(16), (ulong)_memory.Length);
        BinaryPrimitives.WriteUInt64LittleEndian(payload.AsSpan(24), GuestRing.UserBase);
        Set(5, payload, _file);
    }

    internal void StartRing(GuestRing ring)
    {
        Set(8, State(ring.Index, GuestRing.Size));
        Set(10, State(ring.Index, 0));
        var address = new byte[40];
        BinaryPrimitives.WriteUInt32LittleEndian(address, (uint)ring.Index);
        BinaryPrimitives.WriteUInt64LittleEndian(address.AsSpan(8), ring.UserAddress(GuestRing.DescriptorsAt));
        BinaryPrimitives.WriteUInt64LittleEndian(address.AsSpan(16), ring.UserAddress(GuestRing.UsedAt));
        BinaryPrimitives.WriteUInt64LittleEndian(address.AsSpan(24), ring.UserAddress(GuestRing.AvailableAt));
        Set(9, address);
        Set(13, Number((ulong)ring.Index), ring.Call.Descriptor);
        Set(14, Number((ulong)ring.Index), ring.Error.Descriptor);
        Set(12, Number((ulong)ring.Index), ring.Kick.Descriptor);
    }

    /// <summary>The status of its link, as a guest reads it from the configuration space.</summary>
    internal ushort ReadLinkStatus()
    {
        Send(24, [.. BitConverter.GetBytes(6), .. BitConverter.GetBytes(2), 0, 0, 0, 0, 0, 0], needReply: false);
        return BinaryPrimitives.ReadUInt16LittleEndian(Reply(24, 14).AsSpan(12));
    }

    /// <summary>Gives the back-end a channel, and returns the other end of it.</summary>
    internal UnixStreamSocket OpenChannel()
    {
        (UnixStreamSocket ours, UnixStreamSocket theirs) = UnixStreamSocket.SocketPair();
        using (theirs)
        {
            Set(21, [], theirs.Descriptor);
        }

        return ours;
    }

    internal void Enable(int ring, bool enabled) => Set(18, State(ring, enabled ? 1u : 0u));

    /// <summary>Stops a ring and says where it stood.</summary>
    internal uint StopRing(int ring)
    {
        Send(11, State(ring, 0), needReply: false);
        return BinaryPrimitives.ReadUInt32LittleEndian(Reply(11, 8).AsSpan(4));
    }

    /// <summary>Sends a request and waits until it is done.</summary>
    internal void Set(uint request, byte[] payload, params FileDescriptor[] descriptors)
    {
        Send(request, payload, needReply: true, descriptors);
        Assert.Equal(0ul, BinaryPrimitives.ReadUInt64LittleEndian(Reply(request, 8)));
    }

    internal ulong GetNumber(uint request)
    {
        Send(request, [], needReply: false);
        return BinaryPrimitives.ReadUInt64LittleEndian(Reply(request, 8));
    }

    internal void Send(uint request, byte[] payload, bool needReply, params FileDescriptor[] descriptors)
    {
        var message = new byte[12 + payload.Length];
        BinaryPrimitives.WriteUInt32LittleEndian(message, request);
        BinaryPrimitives.WriteUInt32LittleEndian(message.AsSpan(4), needReply ? 1 | NeedReply : 1);
        BinaryPrimitives.WriteUInt32LittleEndian(message.AsSpan(8), (uint)payload.Length);
        payload.CopyTo(message, 12);
        _socket.Send(message, descriptors);
    }

    /// <summary>Bytes as they are: whatever a liar sends.</summary>
    internal void SendRaw(byte[] bytes, params FileDescriptor[] descriptors) => _socket.Send(bytes, descriptors);

    /// <summary>Waits for the end of the connection.</summary>
    internal void WaitForEnd()
    {
        var buffer = new byte[256];
        while (_socket.Receive(buffer, out _, _received) != TransferStatus.Closed)
        {
        }
    }

    internal static byte[] Number(ulong value) => BitConverter.GetBytes(value);

    internal static byte[] State(int index, uint number) =>
        [.. BitConverter.GetBytes(index), .. BitConverter.GetBytes(number)];

    public void Dispose()
    {
        _socket.Dispose();
        _received.ForEach(descriptor => descriptor.Dispose());
        foreach (GuestRing ring in Rings)
        {
            ring.Dispose();
        }

        _memory.Dispose();
        _file.Dispose();
    }

    private byte[] Reply(uint request, uint size)
    {
        byte[] header = Read(12);
        Assert.Equal(request, BinaryPrimitives.ReadUInt32LittleEndian(header));
        Assert.Equal(5u, BinaryPrimitives.ReadUInt32LittleEndian(header.AsSpan(4)));
        Assert.Equal(size, BinaryPrimitives.ReadUInt32LittleEndian(header.AsSpan(8)));
        return Read((int)size);
    }

    private byte[] Read(int count)
    {
        var bytes = new byte[count];
        for (int filled = 0; filled < count;)
        {
            Assert.Equal(TransferStatus.Done, _socket.Receive(bytes.AsSpan(filled), out int length, _received));
            filled += length;
        }

        return bytes;
    }
}
