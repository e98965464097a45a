using Google.Protobuf;
using Nf.DataPlane.Control;
using Nf.Internal.V1;
using Nf.Linux;
using Nf.V1;

namespace Nf.DataPlane.Tests.Review;

/// <summary>What a peer of the command socket can do to the data plane: nothing.</summary>
[Trait("Tier", "kernel")]
public sealed class HostilePeerTests : IDisposable
{
    private readonly MemoryStore _store = new();
    private readonly string _path = Path.Combine(Path.GetTempPath(), $"nf-review-{Guid.NewGuid():N}.sock");
    private readonly ReviewLife _life;
    private readonly CommandServer _server;

    public HostilePeerTests()
    {
        _life = new ReviewLife(_store);
        _server = new CommandServer(
            SeqPacketSocket.Listen(_path), _life.Loop, _life.Resources.Events, _life.Commands.Dispatcher,
            () => new DataPlaneHello { ProtocolVersion = CommandConnection.ProtocolVersion }, _life.Segment.File);
    }

    [Fact]
    public void Command_PeerGoneBeforeTheAnswer_CostsItsConnectionOnly()
    {
        using (SeqPacketSocket peer = Greeted())
        {
            Send(peer, CreateUmem("u"));
        }

        _life.Loop.RunOnce();

        Assert.True(_life.Resources.Umems.ContainsKey("u"));
        using SeqPacketSocket next = Greeted();
    }

    [Fact]
    public void Commands_Many_OneTurnTakesAFew()
    {
        using SeqPacketSocket peer = Greeted();
        for (int i = 0; i < 40; i++)
        {
            Send(peer, new Internal.V1.Command { Id = (ulong)i + 1, GetInventory = new GetInventory() });
        }

        _life.Loop.RunOnce();
        Assert.InRange(CountAnswers(peer), 1, 20);
        _life.Loop.RunOnce();
        _life.Loop.RunOnce();

        Assert.NotEqual(0, CountAnswers(peer));
    }

    [Fact]
    public void Command_WithoutItsParts_IsAFaultOfTheAsker()
    {
        Internal.V1.Command[] commands =
        [
            new() { CreateUmem = new CreateUmem() },
            new() { CreateUmem = new CreateUmem { Umem = new V1.Umem { Name = "x" } } },
            new() { BindXskSocket = new BindXskSocket() },
            new() { BindXskSocket = new BindXskSocket { XskSocket = new XskSocket { Name = "x" } } },
            new() { CreateLink = new CreateLink() },
            new() { CreateLink = new CreateLink { Link = new Link { Name = "x" } } },
            new() { CreateLink = new CreateLink { Link = new Link { Name = "x", Spec = new LinkSpec() } } },
            new() { GetInterfaces = new GetInterfaces { NetworkNamespace = new V1.NetworkNamespace { Pid = 0 } } },
            new() { GetInterfaces = new GetInterfaces { NetworkNamespace = new V1.NetworkNamespace { Path = "" } } },
            new() { GetInterfaces = new GetInterfaces { NetworkNamespace = new() { Path = "a\0b" } } },
        ];

        Assert.All(commands, command => Assert.NotNull(_life.Do(command).Fault));
    }

    public void Dispose()
    {
        _server.Dispose();
        _life.Dispose();
        _store.Dispose();
        File.Delete(_path);
    }

    private static Internal.V1.Command CreateUmem(string name) => new()
    {
        Id = 1,
        CreateUmem = new CreateUmem
        {
            Umem = new V1.Umem { Name = name, Spec = new UmemSpec { SizeBytes = 131072, ChunkSizeBytes = 2048 } },
        },
    };

    private static void Send(SeqPacketSocket peer, Internal.V1.Command command) =>
        peer.Send(new ServicePacket { Command = command }.ToByteArray());

    private static int CountAnswers(SeqPacketSocket peer)
    {
        var received = new List<FileDescriptor>();
        byte[] buffer = new byte[CommandConnection.PacketBytesMax];
        int count = 0;
        while (peer.TryReceive(buffer, out _, received) == TransferStatus.Done)
        {
            count++;
        }

        received.ForEach(descriptor => descriptor.Dispose());
        return count;
    }

    private SeqPacketSocket Greeted()
    {
        SeqPacketSocket peer = SeqPacketSocket.Connect(_path);
        peer.Send(new ServicePacket
        {
            Hello = new ServiceHello { ProtocolVersion = CommandConnection.ProtocolVersion },
        }.ToByteArray());
        while (CountAnswers(peer) == 0)
        {
            _life.Loop.RunOnce();
        }

        return peer;
    }
}
