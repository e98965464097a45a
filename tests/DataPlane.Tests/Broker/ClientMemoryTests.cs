using System.Net.Sockets;
using System.Runtime.InteropServices;
using Nf.DataPlane.Ports;
using Nf.DataPlane.Tests.UserMemories;
using Nf.DataPlane.Tests.Xdp;
using Nf.DataPlane.UserMemories;
using Nf.Linux;
using Nf.SharedMemory.Broker;
using Nf.SharedMemory.Rings;
using ClientMemory = Nf.DataPlane.Tests.UserMemories.ClientMemory;

namespace Nf.DataPlane.Tests.Broker;

/// <summary>Memory objects over the broker's socket, and leases on them. The memory is another process's; the test is
/// its connection and the control thread.</summary>
[Trait("Tier", "kernel")]
public sealed class ClientMemoryTests : IDisposable
{
    private const int Port = 4790;
    private const uint Active = 3;
    private const uint Invalidated = 4;
    private const uint Entries = 64;
    private const ulong ChunkBytes = 2048;
    private const ulong Pages = 64;

    // More than what is taken on the spot.
    private const ulong FetchedPages = 2048;

    // For a user of 256 MiB, as long as nothing else is said.
    private const string Policy = """{ "rules": [{ "uids": [0], "network_namespaces": "any" }] }""";

    private readonly LeaseLab _lab = new(Policy);
    private readonly MemoryRig _rig = new();
    private readonly MemoryClient _owner;
    private readonly SeqPacketSocket _socket;

    public ClientMemoryTests()
    {
        _owner = _rig.Start();
        _socket = _lab.Serve(() => RawClient.Greeted(_lab.BrokerPath));
    }

    public void Dispose()
    {
        _socket.Dispose();
        _lab.AssertNothingLeft();
        _lab.Dispose();
        _rig.Dispose();
    }

    [Fact]
    public void Lease_OnMemoryOfAProcess_FillsItUntilItIsTakenAway()
    {
        ClientMemory memory = _owner.MakeFile(Pages);
        uint handle = CreateActive(memory);
        using Socket inside = _lab.Veth.ListenInside(Port);
        using Socket outside = _lab.Veth.ConnectOutside(Port);
        (LeaseAnswer lease, List<FileDescriptor> descriptors) = _lab.Serve(() =>
        {
            using FileDescriptor network = _lab.Veth.Inner.Descriptor.Duplicate();
            return RawClient.Lease(_socket, Request(handle), network);
        });
        Assert.Equal((LeaseState.Bound, LeaseMemoryKind.User), (lease.State, lease.MemoryKind));
        using AfXdpSocket socket = AfXdpSocket.Adopt(Assert.Single(descriptors));
        using var rings = new XskRings(socket);
        ProducerRing<ulong> fill = rings.Fill(new RingSize(Entries));
        ConsumerRing<xdp_desc> received = rings.Rx(new RingSize(Entries));
        Assert.True(fill.TryReserve(1, out uint slot));
        fill[slot] = 3 * ChunkBytes;
        fill.Submit();

        outside.Send([0x5a, 1, 2, 3]);
        _lab.Life.Until(() => received.HasEntries, "the frame");
        received.Peek(1, out uint index);
        ulong at = received[index].addr;
        Assert.Equal(0, _owner.Do($"look {memory.Address + at + 42} 1 {0x5a}"));

        ClientReply taken = TakenAway($"munmap {memory.Address} {memory.Size}");
        Assert.Equal(Errno.None, taken.Errno);
        Assert.Empty(_lab.Life.Broker.Leases.All);
        Assert.Equal(Invalidated, Ask(BrokerMessageType.MemoryStatus, handle).State);
        outside.Send([7]);
        Assert.Equal(1, inside.Receive(new byte[16]));
    }

    [Fact]
    public void Objects_OfAConnection_HaveHandlesStatesAndAnEnd()
    {
        ClientMemory memory = _owner.MakeFile(Pages);
        Assert.Equal(1u, CreateActive(memory));
        Assert.Equal(2u, Create(memory).Handle);
        Assert.Equal(1u, Ask(BrokerMessageType.MemoryRelease, 1).State);
        Assert.Equal(0u, Ask(BrokerMessageType.MemoryClose, 1).State);
        Assert.Equal(Errno.ENOENT, Refusal(BrokerMessageType.MemoryStatus, 1));
        Assert.Equal(1u, Create(memory).Handle);
    }

    [Fact]
    public void Lease_OnMemoryThatIsNotActive_HasItAcquired()
    {
        uint handle = Create(_owner.MakeFile(FetchedPages)).Handle;
        Assert.Equal(Errno.EAGAIN, TryLease(handle));
        _lab.Life.Until(() => Ask(BrokerMessageType.MemoryStatus, handle).State == Active, "the pages");
        Assert.Equal(Errno.None, TryLease(handle));
        Assert.Equal(Errno.EBUSY, Refusal(BrokerMessageType.MemoryRelease, handle));
    }

    [Theory]
    [InlineData(0u, 0ul, 4096ul, Errno.EINVAL)]
    [InlineData(0u, 4096ul, 0ul, Errno.EINVAL)]
    [InlineData(2u, 4096ul, 4096ul, Errno.EINVAL)]
    [InlineData(0u, 4097ul, 4096ul, Errno.EINVAL)]
    [InlineData(0u, 4096ul, 1ul << 52, Errno.E2BIG)]
    [InlineData(0u, 4096ul, 4096ul, Errno.ENODEV)]
    public void Create_AgainstARule_IsRefusedAsByTheSeed(uint flags, ulong address, ulong bytes, object errno)
    {
        // The first lacks a descriptor that it says is there.
        var asked = new MemoryCreateRequest
        {
            Address = address,
            Bytes = bytes,
            Flags = flags,
            Descriptors = address == 0 ? MemoryDescriptors.MemoryFile : MemoryDescriptors.None,
        };
        Errno refused = _lab.Serve(() => RawClient.Ask(
            _socket, BrokerMessageType.MemoryCreate, asked, [], out _, out _));

        Assert.Equal((Errno)errno, refused);
    }

    [Fact]
    public void Acquire_MoreThanTheUserMayHave_IsRefused()
    {
        uint first = CreateActive(_owner.MakeFile((200 << 20) / MemoryClient.Page));
        MemoryAnswer second = Create(_owner.MakeFile((100 << 20) / MemoryClient.Page));

        Assert.Equal(Errno.ENOBUFS, Refusal(BrokerMessageType.MemoryAcquire, second.Handle));
        Ask(BrokerMessageType.MemoryRelease, first);
        Ask(BrokerMessageType.MemoryAcquire, second.Handle);
    }

    private static LeaseRequest Request(uint handle) => new()
    {
        Flags = LeaseFlags.NetworkNamespace,
        Interface = InterfaceName.From(VethLab.Device),
        RxEntries = Entries,
        TxEntries = Entries,
        FillEntries = Entries,
        CompletionEntries = Entries,
        MemoryKind = LeaseMemoryKind.User,
        MemoryHandle = handle,
        MemoryBytes = Pages * MemoryClient.Page,
        ChunkBytes = (uint)ChunkBytes,
    };

    private Errno TryLease(uint handle) => _lab.Serve(() =>
    {
        using FileDescriptor network = _lab.Veth.Inner.Descriptor.Duplicate();
        Errno errno = RawClient.Ask(
            _socket, BrokerMessageType.Lease, Request(handle), [network], out _, out List<FileDescriptor> descriptors);
        descriptors.ForEach(descriptor => descriptor.Dispose());
        return errno;
    });

    private uint CreateActive(ClientMemory memory)
    {
        uint handle = Create(memory).Handle;
        Ask(BrokerMessageType.MemoryAcquire, handle);
        _lab.Life.Until(() => Ask(BrokerMessageType.MemoryStatus, handle).State == Active, "the pages");
        return handle;
    }

    private MemoryAnswer Create(ClientMemory memory)
    {
        UserMemoryDescriptors passed = _owner.Pass(3);
        using FileDescriptor file = passed.File!;
        using FileDescriptor source = passed.Userfault!;
        var asked = new MemoryCreateRequest
        {
            Address = memory.Address,
            Bytes = memory.Size,
            Descriptors = MemoryDescriptors.MemoryFile | MemoryDescriptors.UserFaultFd,
        };
        byte[] body = [];
        Assert.Equal(Errno.None, _lab.Serve(() => RawClient.Ask(
            _socket, BrokerMessageType.MemoryCreate, asked, [file, source], out body, out _)));
        return MemoryMarshal.Read<MemoryAnswer>(body);
    }

    private MemoryAnswer Ask(BrokerMessageType type, uint handle)
    {
        byte[] body = [];
        Assert.Equal(Errno.None, _lab.Serve(() => RawClient.Ask(
            _socket, type, new MemoryReference { Handle = handle }, [], out body, out _)));
        return MemoryMarshal.Read<MemoryAnswer>(body);
    }

    private Errno Refusal(BrokerMessageType type, uint handle) => _lab.Serve(() => RawClient.Ask(
        _socket, type, new MemoryReference { Handle = handle }, [], out _, out _));

    // The owner waits in its call until the control thread has let it go.
    private ClientReply TakenAway(string command)
    {
        _owner.Begin(command);
        ClientReply? reply = null;
        _lab.Life.Until(() => (reply = _owner.TryFinish()) is not null, "the owner's call to return");
        return reply!;
    }
}
