using Google.Protobuf;
using Nf.DataPlane.Control;
using Nf.DataPlane.Memory;
using Nf.DataPlane.Tests.Ports;
using Nf.Internal.V1;
using Nf.Linux;
using Nf.SharedMemory.Packets;

namespace Nf.DataPlane.Tests.Control;

/// <summary>Commands and answers that are too large for a packet, and peers that lie about them.</summary>
[Collection(Alone.Name)]
public sealed class EnclosedCommandTests : IDisposable
{
    private const int Large = 3 * EnclosedPacket.PlainBytesMax;

    private readonly string _folder = Rig.NewFolder();
    private readonly FakeKeeper _keeper = new();
    private readonly ControlLife _life;
    private readonly StateFile _state = StateFile.Create();
    private readonly CommandServer _server;
    private readonly byte[] _buffer = new byte[CommandConnection.PacketBytesMax];

    public EnclosedCommandTests()
    {
        _life = new ControlLife(_keeper);
        _server = new CommandServer(
            SeqPacketSocket.Listen(Path.Combine(_folder, "s")), _life.Loop, new EventLog(_state, 1), _life.Dispatcher,
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

    // What is wrong with it, the packet, and what comes beside it.
    public static TheoryData<string, byte[], Func<FileDescriptor[]>> Lies { get; } = new()
    {
        { "no descriptor", Cover(Large), () => [] },
        { "two descriptors", Cover(Large), () => [File(LargeCommand()), File(LargeCommand())] },
        { "another size", Cover(Large - 1), () => [File(LargeCommand())] },
        { "too large", Cover((ulong)EnclosedPacket.BytesMax + 1), () => [Unsealed(EnclosedPacket.BytesMax + 1)] },
        { "not sealed", Cover(Large), () => [Unsealed(Large)] },
        { "no memory file", Cover(Large), () => [FileDescriptor.OpenReadOnly("/dev/zero")] },
        { "garbage", Cover(Large), () => [File(Enumerable.Repeat((byte)0xff, Large).ToArray())] },
        { "nothing in it", Cover(Large), () => [File(Padded(new ServicePacket(), Large))] },
        { "a hello", Cover(Large), () => [File(Padded(Hello(), Large))] },
        { "one in one", Cover(Large), () => [File(Padded(ServicePacket.Parser.ParseFrom(Cover(Large)), Large))] },
        { "a file beside a plain command", Packed(new Command { GetInventory = new GetInventory() }),
            () => [File(LargeCommand())] },
    };

    [Fact]
    public void Command_TooLargeForAPacket_IsCarriedOutAndItsAnswerComesAsItWent()
    {
        using SeqPacketSocket peer = Greeted();
        var command = new Command { Id = 7, DeleteUmem = new DeleteUmem { Name = new string('n', Large) } };

        Send(peer, Packed(command));

        Reply reply = Read(peer).Reply;
        Assert.Equal((7u, "UNKNOWN_RESOURCE"), ((uint)reply.Id, reply.Fault.Reason));
        Assert.True(reply.CalculateSize() > EnclosedPacket.PlainBytesMax, "the answer fits a packet");
    }

    [Theory]
    [MemberData(nameof(Lies))]
    public void Packet_ThatLies_EndsItsConnectionOnly(string why, byte[] packet, Func<FileDescriptor[]> beside)
    {
        using SeqPacketSocket good = Greeted();
        int before = Descriptors();
        for (int i = 0; i < 20; i++)
        {
            using SeqPacketSocket bad = Greeted();
            FileDescriptor[] files = beside();
            bad.Send(packet, files);
            Array.ForEach(files, file => file.Dispose());
            Pump();
            Assert.True(bad.TryReceive(_buffer, out _, []) == TransferStatus.Closed, why);
        }

        Pump();
        Assert.InRange(Descriptors(), 0, before + 3);
        good.Send(Packed(new Command { Id = 1, GetInventory = new GetInventory() }));
        Assert.Equal(1u, Read(good).Reply.Id);
    }

    [Fact]
    public void Packet_EnclosedBeforeTheHello_EndsTheConnection()
    {
        using SeqPacketSocket peer = Connect();

        Send(peer, LargeCommand());

        Pump();
        Assert.Equal(TransferStatus.Closed, peer.TryReceive(_buffer, out _, []));
    }

    [Fact]
    public void Peer_ThatTakesNoLargeAnswers_IsCutOff()
    {
        using SeqPacketSocket good = Greeted();
        int before = Descriptors();
        using (SeqPacketSocket slow = Greeted())
        {
            for (int i = 0; i < 10_000 && TrySend(slow, LargeCommand()); i++)
            {
                Pump();
            }

            Assert.False(TrySend(slow, LargeCommand()), "it was never cut off");
        }

        Pump();
        Assert.InRange(Descriptors(), 0, before + 3);
        good.Send(Packed(new Command { Id = 1, GetInventory = new GetInventory() }));
        Assert.Equal(1u, Read(good).Reply.Id);
    }

    private static byte[] Packed(Command command) => new ServicePacket { Command = command }.ToByteArray();

    private static byte[] LargeCommand() =>
        Padded(new ServicePacket { Command = new Command { DeleteUmem = new DeleteUmem() } }, Large);

    private static ServicePacket Hello() =>
        new() { Hello = new ServiceHello { ProtocolVersion = 1, LastEventSequence = ulong.MaxValue } };

    private static byte[] Cover(ulong size) =>
        new ServicePacket { Enclosed = new Enclosed { Size = size } }.ToByteArray();

    // A field that nobody knows makes any message as large as is wanted.
    private static byte[] Padded(ServicePacket packet, int size)
    {
        const int LargeNumber = 100;
        byte[] head = packet.ToByteArray();
        int room = size - head.Length - 6; // a tag of two bytes, a length of three, and one to spare for the loop
        while (true)
        {
            using var stream = new MemoryStream();
            var output = new CodedOutputStream(stream);
            output.WriteRawTag((LargeNumber << 3 | 2) & 0x7f | 0x80, LargeNumber << 3 >> 7);
            output.WriteBytes(ByteString.CopyFrom(new byte[room]));
            output.Flush();
            byte[] padded = [.. head, .. stream.ToArray()];
            if (padded.Length == size)
            {
                return padded;
            }

            room += size - padded.Length;
        }
    }

    private static FileDescriptor File(byte[] packet) => EnclosedPacket.Write(packet);

    private static FileDescriptor Unsealed(long size) => MemFile.Create("test", size, new MemFileOptions());

    private static int Descriptors() => Directory.GetFiles("/proc/self/fd").Length;

    private static bool TrySend(SeqPacketSocket peer, byte[] packet)
    {
        using FileDescriptor file = File(packet);
        return peer.TrySend(Cover((ulong)packet.Length), [file]) == TransferStatus.Done;
    }

    private static void Send(SeqPacketSocket peer, byte[] packet) => Assert.True(TrySend(peer, packet));

    private SeqPacketSocket Connect()
    {
        SeqPacketSocket peer = SeqPacketSocket.Connect(Path.Combine(_folder, "s"));
        Pump();
        return peer;
    }

    private SeqPacketSocket Greeted()
    {
        SeqPacketSocket peer = Connect();
        peer.Send(Hello().ToByteArray());
        Assert.NotNull(Read(peer).Hello);
        return peer;
    }

    private DataPlanePacket Read(SeqPacketSocket peer)
    {
        var descriptors = new List<FileDescriptor>();
        int length = 0;
        _life.Until(
            () => peer.TryReceive(_buffer, out length, descriptors) == TransferStatus.Done, "an answer");
        DataPlanePacket packet = DataPlanePacket.Parser.ParseFrom(_buffer.AsSpan(0, length));
        if (packet.PacketCase == DataPlanePacket.PacketOneofCase.Enclosed)
        {
            packet = DataPlanePacket.Parser.ParseFrom(
                EnclosedPacket.Read(Assert.Single(descriptors), packet.Enclosed.Size));
        }

        descriptors.ForEach(descriptor => descriptor.Dispose());
        return packet;
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
