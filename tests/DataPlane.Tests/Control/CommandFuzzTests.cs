using Google.Protobuf;
using Nf.DataPlane.Control;
using Nf.DataPlane.Memory;
using Nf.DataPlane.Tests.Ports;
using Nf.Internal.V1;
using Nf.Linux;
using Nf.V1;

namespace Nf.DataPlane.Tests.Control;

/// <summary>Tests that count what the process has open run alone.</summary>
[CollectionDefinition(Name, DisableParallelization = true)]
public sealed class Alone
{
    internal const string Name = "alone";
}

/// <summary>The command socket against peers that do not know the protocol, or do not read.</summary>
[Collection(Alone.Name)]
public sealed class CommandFuzzTests : IDisposable
{
    private readonly string _folder = Rig.NewFolder();
    private readonly FakeKeeper _keeper = new();
    private readonly ControlLife _life;
    private readonly StateFile _state = StateFile.Create();
    private readonly EventLog _events;
    private readonly CommandServer _server;
    private readonly byte[] _buffer = new byte[CommandConnection.PacketBytesMax];

    public CommandFuzzTests()
    {
        _life = new ControlLife(_keeper);
        _events = new EventLog(_state, 1);
        _server = new CommandServer(
            SeqPacketSocket.Listen(Path.Combine(_folder, "s")), _life.Loop, _events, _life.Dispatcher,
            () => new DataPlaneHello { ProtocolVersion = CommandConnection.ProtocolVersion }, _life.Segment.File);
    }

    public void Dispose()
    {
        _server.Dispose();
        _life.Dispose();
        _keeper.Dispose();
        _state.Dispose();
        Directory.Delete(_folder, recursive: true);
    }

    [Fact]
    public void Packets_Garbage_EndTheirConnectionOnly()
    {
        using SeqPacketSocket good = Greeted();
        var random = new Random(3);
        byte[][] seeds =
        [
            Hello(1),
            Packed(new Command { Id = 1, GetInventory = new GetInventory() }),
            .. Commands().Skip(1).Select(Packed),
        ];
        int before = Descriptors();
        for (int i = 0; i < 2000; i++)
        {
            using SeqPacketSocket bad = i % 2 == 0 ? Connect() : Greeted();
            byte[] packet = Mutate(seeds[random.Next(seeds.Length)], random);
            bad.TrySend(packet);
            Pump();
            if (i % 100 == 0)
            {
                Ask(good, (ulong)i + 1);
            }
        }

        Pump();
        Ask(good, 99_999);
        Assert.InRange(Descriptors(), 0, before + 10);
        _life.CheckLedgers();
    }

    [Fact]
    public void Commands_WithoutTheirFields_AreRefused()
    {
        using SeqPacketSocket peer = Greeted();
        ulong id = 0;
        foreach (Command command in Commands())
        {
            command.Id = ++id;
            peer.Send(Packed(command));
            Reply reply = Read(peer).Reply;
            Assert.Equal(id, reply.Id);
            Assert.True(reply.Fault is { Reason.Length: > 0 }, $"{command}: {reply}");
        }
    }

    [Fact]
    public void Packet_WithADescriptor_EndsTheConnectionAndClosesIt()
    {
        using SeqPacketSocket good = Greeted();
        Pump();
        int before = Descriptors();
        for (int i = 0; i < 50; i++)
        {
            using SeqPacketSocket bad = Connect();
            using FileDescriptor stray = MemFile.Create("stray", 4096, default);
            bad.Send(Hello(1), [stray, stray]);
            Pump();
            Assert.Equal(TransferStatus.Closed, bad.TryReceive(_buffer, out _, []));
        }

        Pump();
        Assert.InRange(Descriptors(), 0, before + 3);
        Ask(good, 1);
    }

    [Fact]
    public void Peer_ThatDoesNotRead_IsCutOffAndOthersAreTold()
    {
        using SeqPacketSocket slow = Greeted();
        using SeqPacketSocket good = Greeted();
        int told = 0;
        for (int i = 0; i < 5000; i++)
        {
            _events.Add(EventKind.Fault, "test", "t", new string('x', 1000));
            while (good.TryReceive(_buffer, out _, []) == TransferStatus.Done)
            {
                told++;
            }
        }

        Pump();
        while (good.TryReceive(_buffer, out _, []) == TransferStatus.Done)
        {
            told++;
        }

        Assert.Equal(5000, told);
        int read = 0;
        TransferStatus status;
        while ((status = slow.TryReceive(_buffer, out _, [])) == TransferStatus.Done)
        {
            read++;
        }

        Assert.Equal(TransferStatus.Closed, status);
        Assert.InRange(read, 1, 4000);
        Ask(good, 1);
    }

    [Fact]
    public void Hello_OfAnotherVersion_EndsTheConnection()
    {
        using SeqPacketSocket peer = Connect();
        peer.Send(Hello(2));
        Pump();
        Assert.Equal(TransferStatus.Closed, peer.TryReceive(_buffer, out _, []));
    }

    private static IEnumerable<Command> Commands() =>
    [
        new Command(),
        Create(null),
        Create(new V1.Umem()),
        Create(new V1.Umem { Name = "x" }),
        Create(new V1.Umem { Name = "x", Spec = new UmemSpec() }),
        Create(new V1.Umem { Name = new string('n', 300), Spec = new UmemSpec { SizeBytes = 4096 } }),
        Create(new V1.Umem { Name = "a/b\n", Spec = new UmemSpec { SizeBytes = 4096 } }),
        new Command { DeleteUmem = new DeleteUmem() },
        Bind(null),
        Bind(new XskSocket { Name = "s" }),
        Bind(new XskSocket { Name = "s", Spec = new XskSocketSpec() }),
        new Command { UnbindXskSocket = new UnbindXskSocket() },
        new Command { CreateLink = new CreateLink() },
        new Command { CreateLink = new CreateLink { Link = new Link { Name = "l" } } },
        new Command { CreateLink = new CreateLink { Link = new Link { Name = "l", Spec = new LinkSpec() } } },
        new Command { DeleteLink = new DeleteLink() },
        new Command { CreateVhostDevice = new CreateVhostDevice() },
        CreateDevice(new VhostDevice { Name = "v" }),
        CreateDevice(new VhostDevice { Name = "v", Spec = new VhostDeviceSpec() }),
        CreateDevice(new VhostDevice { Name = "../v", Spec = new VhostDeviceSpec { SocketPath = "/none/v" } }),
        CreateDevice(new VhostDevice { Name = "v", Spec = new VhostDeviceSpec { SocketPath = "/none/v" } }),
        new Command { DeleteVhostDevice = new DeleteVhostDevice() },
        new Command { CreateBridge = new CreateBridge() },
        new Command { CreateBridge = new CreateBridge { Bridge = new Bridge { Name = "b" } } },
        new Command
        {
            CreateBridge = new CreateBridge
            {
                Bridge = new Bridge
                {
                    Name = "b",
                    Spec = new BridgeSpec { Endpoints = { new Endpoint(), new Endpoint { VhostDevice = "v" } } },
                },
            },
        },
        new Command { DeleteBridge = new DeleteBridge() },
        new Command { GetBridgeEntries = new GetBridgeEntries() },
        new Command { GetBridgeEntries = new GetBridgeEntries { Name = "b", Limit = 10 } },
        new Command { AuditUmem = new AuditUmem() },
        new Command
        {
            GetInterfaces = new GetInterfaces { NetworkNamespace = new V1.NetworkNamespace { Path = "/none" } },
        },
    ];

    private static Command CreateDevice(VhostDevice device) =>
        new() { CreateVhostDevice = new CreateVhostDevice { VhostDevice = device } };

    private static Command Create(V1.Umem? umem)
    {
        var command = new Command { CreateUmem = new CreateUmem() };
        command.CreateUmem.Umem = umem;
        return command;
    }

    private static Command Bind(XskSocket? socket)
    {
        var command = new Command { BindXskSocket = new BindXskSocket() };
        command.BindXskSocket.XskSocket = socket;
        return command;
    }

    private static byte[] Packed(Command command) => new ServicePacket { Command = command }.ToByteArray();

    private static byte[] Mutate(byte[] seed, Random random)
    {
        byte[] packet = [.. seed, .. new byte[random.Next(3) == 0 ? random.Next(200) : 0]];
        for (int i = random.Next(1, 6); i > 0 && packet.Length != 0; i--)
        {
            packet[random.Next(packet.Length)] = (byte)random.Next(256);
        }

        return random.Next(4) != 0 ? packet : packet[..random.Next(1, packet.Length + 1)];
    }

    private static byte[] Hello(uint version) =>
        new ServicePacket { Hello = new ServiceHello { ProtocolVersion = version, LastEventSequence = ulong.MaxValue } }
            .ToByteArray();

    private static int Descriptors() => Directory.GetFiles("/proc/self/fd").Length;

    private SeqPacketSocket Connect()
    {
        SeqPacketSocket peer = SeqPacketSocket.Connect(Path.Combine(_folder, "s"));
        Pump();
        return peer;
    }

    private SeqPacketSocket Greeted()
    {
        SeqPacketSocket peer = Connect();
        peer.Send(Hello(1));
        Assert.NotNull(Read(peer).Hello);
        return peer;
    }

    private DataPlanePacket Read(SeqPacketSocket peer)
    {
        var descriptors = new List<FileDescriptor>();
        int length = 0;
        _life.Until(
            () => peer.TryReceive(_buffer, out length, descriptors) == TransferStatus.Done, "an answer");
        descriptors.ForEach(descriptor => descriptor.Dispose());
        return DataPlanePacket.Parser.ParseFrom(_buffer.AsSpan(0, length));
    }

    private void Ask(SeqPacketSocket peer, ulong id)
    {
        peer.Send(Packed(new Command { Id = id, GetInventory = new GetInventory() }));
        Assert.Equal(id, Read(peer).Reply.Id);
    }

    // Three passes: accept, serve, and what came of it.
    private void Pump()
    {
        for (int i = 0; i < 3; i++)
        {
            _life.Loop.RunOnce();
        }
    }
}
