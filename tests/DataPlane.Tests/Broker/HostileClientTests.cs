using System.Diagnostics;
using Nf.DataPlane.Broker;
using Nf.DataPlane.Tests.Control;
using Nf.DataPlane.Tests.Ports;
using Nf.Linux;
using Nf.SharedMemory.Broker;

namespace Nf.DataPlane.Tests.Broker;

/// <summary>The broker socket against clients that do not know the protocol, do not read, or mean harm: each costs only
/// itself.</summary>
[Collection(Alone.Name)]
public sealed class HostileClientTests : IDisposable
{
    private readonly string _folder = Rig.NewFolder();
    private readonly FakeKeeper _keeper = new();
    private readonly ControlLife _life;
    private readonly byte[] _buffer = new byte[BrokerProtocol.MessageBytesMax];
    private readonly List<FileDescriptor> _received = [];
    private uint _sequence;

    public HostileClientTests() => _life = new ControlLife(_keeper, broker: SocketPath);

    private string SocketPath => Path.Combine(_folder, "broker.sock");

    public void Dispose()
    {
        _life.Dispose();
        _keeper.Dispose();
        Directory.Delete(_folder, recursive: true);
    }

    [Theory]
    [InlineData(1)]
    [InlineData(15)]
    [InlineData(17)]
    [InlineData(1024)]
    [InlineData(1025)]
    [InlineData(60_000)]
    public void Packet_OfAnotherLengthThanItSays_EndsItsConnectionOnly(int bytes)
    {
        using SeqPacketSocket good = Greeted();
        using SeqPacketSocket bad = Greeted();
        byte[] packet = new byte[bytes];
        BrokerCodec.Write(_buffer, (ushort)BrokerMessageType.Ping, 1);
        _buffer.AsSpan(0, Math.Min(16, bytes)).CopyTo(packet);
        bad.Send(packet);
        AssertClosed(bad);
        AssertAlive(good);
    }

    [Fact]
    public void Version_Another_IsToldTheRightOneAndEnded()
    {
        using SeqPacketSocket client = Connected();
        int length = BrokerCodec.Write(_buffer, (ushort)BrokerMessageType.Hello, 1, default(HelloRequest));
        _buffer[0] = 9;
        client.Send(_buffer.AsSpan(0, length));
        Assert.Equal(Errno.EPROTONOSUPPORT, Answer(client, out string text));
        Assert.Contains("speaks 1", text, StringComparison.Ordinal);
        AssertClosed(client);
    }

    [Fact]
    public void Request_BeforeHello_IsRefused()
    {
        using SeqPacketSocket client = Connected();
        Assert.Equal(Errno.EPROTO, Ask(client, BrokerMessageType.Ping));
        Assert.Equal(Errno.None, Hello(client));
        Assert.Equal(Errno.EALREADY, Hello(client));
        AssertAlive(client);
    }

    [Fact]
    public void Requests_OfEveryUnknownType_AreAnsweredUntilThereWereTooMany()
    {
        using SeqPacketSocket client = Greeted();
        for (int i = 1; i < BrokerLimits.OffenceCountMax; i++)
        {
            Assert.Equal(Errno.EOPNOTSUPP, Ask(client, (BrokerMessageType)(1000 + i)));
        }

        Ask(client, (BrokerMessageType)2000);
        AssertClosed(client);
    }

    [Fact]
    public void Memory_OfAHandleThatIsNone_IsNotFound()
    {
        using SeqPacketSocket client = Greeted();
        int length = BrokerCodec.Write(
            _buffer, (ushort)BrokerMessageType.MemoryStatus, ++_sequence, new MemoryReference { Handle = 1 });
        client.Send(_buffer.AsSpan(0, length));
        Assert.Equal(Errno.ENOENT, Answer(client, out _));
        AssertAlive(client);
    }

    [Fact]
    public void Descriptors_Floods_AreClosed()
    {
        using SeqPacketSocket good = Greeted();
        using FileDescriptor file = MemFile.Create("flood", 4096, new MemFileOptions());
        FileDescriptor[] many = [.. Enumerable.Repeat(file, UnixSocket.DescriptorCountMax)];
        int before = Descriptors();
        for (int i = 0; i < 50; i++)
        {
            using SeqPacketSocket bad = Greeted();
            int length = BrokerCodec.Write(_buffer, (ushort)BrokerMessageType.Ping, ++_sequence);
            bad.Send(_buffer.AsSpan(0, length), many);
            Assert.Equal(Errno.EINVAL, Answer(bad, out _));
        }

        AssertAlive(good);
        _life.Until(() => Descriptors() <= before + 5, "the descriptors to be closed");
    }

    [Fact]
    public void Client_ThatNeverReads_IsCutOff()
    {
        using SeqPacketSocket good = Greeted();
        using SeqPacketSocket bad = Greeted();
        int length = BrokerCodec.Write(_buffer, (ushort)BrokerMessageType.Lease, 1, default(LeaseRequest));
        byte[] request = _buffer[..length];
        for (var clock = Stopwatch.StartNew(); _life.Broker.Connections.Count == 2;)
        {
            Assert.True(clock.Elapsed < TimeSpan.FromSeconds(20), "still connected");

            // Each is answered with a text about everything that is wrong.
            if (bad.TrySend(request) == TransferStatus.Closed)
            {
                break;
            }

            Pump();
            if (_life.Broker.Connections.FirstOrDefault(c => c.HasBacklog) is not null)
            {
                // Not read any more either: it waits for itself, and holds nothing but its own connection.
                break;
            }
        }

        AssertAlive(good);
    }

    [Fact]
    public void Connections_MoreThanAUserMayHave_AreTurnedAway()
    {
        var clients = new List<SeqPacketSocket>();
        try
        {
            for (int i = 0; i < BrokerLimits.UserConnectionCountMax; i++)
            {
                clients.Add(Greeted());
            }

            using SeqPacketSocket more = Connected();
            AssertClosed(more);
            clients[0].Dispose();
            _life.Until(
                () => _life.Broker.Connections.Count == BrokerLimits.UserConnectionCountMax - 1, "one to be gone");
            clients[0] = Greeted();
            AssertAlive(clients[^1]);
        }
        finally
        {
            clients.ForEach(client => client.Dispose());
        }
    }

    [Fact]
    public void Requests_MoreThanTheRate_AreRefusedWithEagain()
    {
        using SeqPacketSocket client = Greeted();
        int refused = 0;
        for (int i = 0; i < (int)BrokerLimits.RequestBurst + 90 && refused < 20; i++)
        {
            refused += Ask(client, BrokerMessageType.Ping) == Errno.EAGAIN ? 1 : 0;
        }

        Assert.InRange(refused, 1, 20);
    }

    // Whatever comes, the broker lives on, and neither descriptors nor leases are left.
    [Fact]
    public void Packets_SeededNoise_EndTheirConnectionOrAreAnswered()
    {
        var random = new Random(7);
        using FileDescriptor file = MemFile.Create("noise", 4096, new MemFileOptions());
        using SeqPacketSocket good = Greeted();
        int before = Descriptors();
        for (int i = 0; i < 1000; i++)
        {
            using SeqPacketSocket bad = i % 4 == 0 ? Connected() : Greeted();
            byte[] packet = new byte[random.Next(8) == 0 ? random.Next(1, 300) : 112];
            random.NextBytes(packet);
            int type = random.Next(1, 24);
            if (packet.Length >= 16)
            {
                BrokerCodec.Write(packet, (ushort)type, 1);
                BitConverter.TryWriteBytes(packet.AsSpan(4), packet.Length);
            }

            FileDescriptor[] beside = [.. Enumerable.Repeat(file, random.Next(4))];
            bad.TrySend(packet, beside);
            Pump();
        }

        _life.Until(() => _life.Broker.Connections.Count <= 1, "the noise to be gone");
        _life.Until(() => Descriptors() <= before + 5, "the descriptors to be closed");
        Assert.Empty(_life.Broker.Leases.All);
        using SeqPacketSocket late = Greeted();
        AssertAlive(late);
    }

    private static int Descriptors() => Directory.GetFiles("/proc/self/fd").Length;

    private void Pump()
    {
        for (int i = 0; i < 4; i++)
        {
            _life.Loop.RunOnce(0);
        }
    }

    private SeqPacketSocket Connected()
    {
        SeqPacketSocket socket = SeqPacketSocket.Connect(SocketPath);
        Pump();
        return socket;
    }

    private SeqPacketSocket Greeted()
    {
        SeqPacketSocket socket = Connected();

        // Its user may have used up its rate just now.
        _life.Until(() => Hello(socket) == Errno.None, "a greeting");
        return socket;
    }

    private Errno Hello(SeqPacketSocket client)
    {
        int length = BrokerCodec.Write(
            _buffer, (ushort)BrokerMessageType.Hello, ++_sequence, default(HelloRequest));
        client.Send(_buffer.AsSpan(0, length));
        return Answer(client, out _);
    }

    private Errno Ask(SeqPacketSocket client, BrokerMessageType type)
    {
        client.Send(_buffer.AsSpan(0, BrokerCodec.Write(_buffer, (ushort)type, ++_sequence)));
        return Answer(client, out _);
    }

    private Errno Answer(SeqPacketSocket client, out string text)
    {
        int length = 0;
        _life.Until(
            () => client.TryReceive(_buffer, out length, _received) == TransferStatus.Done, "an answer");
        Assert.True(BrokerCodec.TrySplit(_buffer.AsSpan(0, length), out BrokerMessage message));
        text = message.Header.Result == 0 ? "" : message.Text();
        return (Errno)message.Header.Result;
    }

    private void AssertAlive(SeqPacketSocket client)
    {
        // Its user may have used up its rate just now.
        _life.Until(() => Ask(client, BrokerMessageType.Ping) == Errno.None, "the other client to be served");
    }

    private void AssertClosed(SeqPacketSocket client) => _life.Until(
        () => client.TryReceive(_buffer, out _, _received) == TransferStatus.Closed, "the connection to end");
}
