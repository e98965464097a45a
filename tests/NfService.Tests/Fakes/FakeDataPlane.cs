using Google.Protobuf;
using Google.Protobuf.WellKnownTypes;
using Nf.Internal.V1;
using Nf.Linux;
using Nf.SharedMemory.Packets;
using Nf.SharedMemory.Segments;
using Nf.V1;

namespace Nf.Service.Tests;

/// <summary>
/// The other end of the command socket: real packets over a real SEQPACKET socket pair, a real segment, and resources
/// that exist only in its books. It knows as little of a data plane as the tests need.
/// </summary>
internal sealed class FakeDataPlane : IDataPlaneConnector, IDisposable
{
    private readonly Lock _lock = new();
    private readonly List<Command> _commands = [];
    private FakeLife? _life;
    private ulong _lives;

    /// <summary>What exists. A new life begins with it, unless it is cleared.</summary>
    public FakeInventory Inventory { get; } = new();

    /// <summary>Whether anybody listens.</summary>
    public bool Listens { get; set; } = true;

    /// <summary>Changes the hello of the next life.</summary>
    public Action<DataPlaneHello>? OnHello { get; set; }

    /// <summary>Answers a command: null leaves it to the inventory, an empty list means silence.</summary>
    public Func<Command, IReadOnlyList<Reply>?>? OnCommand { get; set; }

    /// <summary>Called before a command is answered; true means that this life ends instead.</summary>
    public Func<Command, bool>? DiesOf { get; set; }

    public string Address => "fake";

    /// <summary>Commands of all lives in the order of arrival, the inventory's left out.</summary>
    public IReadOnlyList<Command> Commands
    {
        get
        {
            lock (_lock)
            {
                return [.. _commands.Where(c => c.CommandCase != Command.CommandOneofCase.GetInventory)];
            }
        }
    }

    public IDataPlaneConnection Connect()
    {
        if (!Listens)
        {
            throw new LinuxException("connect", Errno.ECONNREFUSED);
        }

        (SeqPacketSocket ours, SeqPacketSocket theirs) = SeqPacketSocket.SocketPair();
        lock (_lock)
        {
            _life = new FakeLife(this, ours, ++_lives);
            _life.Start();
        }

        return new SeqPacketConnection(theirs);
    }

    /// <summary>Keeps a life busy with a command until a test lets it go on.</summary>
    public static void Hold(Task until) => until.Wait(Deadline.Patience);

    /// <summary>Ends the life of now; what exists stays in the books.</summary>
    public void Die() => Life.End();

    /// <summary>Sends bytes as they are.</summary>
    public void SendRaw(byte[] packet, params FileDescriptor[] beside) => Life.SendRaw(packet, beside);

    /// <summary>Tells an event.</summary>
    public void Send(Event told) => SendRaw(new DataPlanePacket { Event = told }.ToByteArray());

    /// <summary>The segment of the life of now.</summary>
    public SegmentWriter Segment => Life.Segment;

    public void Dispose() => _life?.End();

    private FakeLife Life
    {
        get
        {
            lock (_lock)
            {
                return _life ?? throw new InvalidOperationException("nobody has connected");
            }
        }
    }

    private IReadOnlyList<Reply> Answer(Command command)
    {
        lock (_lock)
        {
            _commands.Add(command);
        }

        IReadOnlyList<Reply> replies = OnCommand?.Invoke(command) ?? Inventory.Answer(command);
        foreach (Reply reply in replies.Where(reply => reply.Id == 0))
        {
            reply.Id = command.Id;
        }

        return replies;
    }

    private sealed class FakeLife(FakeDataPlane owner, SeqPacketSocket socket, ulong generation)
    {
        public SegmentWriter Segment { get; } = SegmentWriter.Create(generation, 4242, DateTimeOffset.UtcNow);

        public void Start() => new Thread(Run) { IsBackground = true, Name = $"fake-life-{generation}" }.Start();

        public void End() => socket.Shutdown();

        public void SendRaw(byte[] packet, FileDescriptor[] beside) => socket.Send(packet, beside);

        private void Run()
        {
            try
            {
                Greet();
                byte[] buffer = new byte[SeqPacketConnection.PacketBytesMax];
                var beside = new List<FileDescriptor>();
                while (socket.Receive(buffer, out int length, beside) == TransferStatus.Done)
                {
                    ServicePacket packet = Open(ServicePacket.Parser.ParseFrom(buffer, 0, length), beside);
                    if (packet.PacketCase == ServicePacket.PacketOneofCase.Command && !Serve(packet.Command))
                    {
                        break;
                    }
                }
            }
            catch (LinuxException)
            {
                // The service hung up on us, which some tests want.
            }

            socket.Shutdown();
        }

        private void Greet()
        {
            Segment.Heartbeat.MonotonicNs = Clock.MonotonicNs();
            var hello = new DataPlaneHello
            {
                ProtocolVersion = 1,
                Generation = generation,
                Pid = 4242,
                Started = Timestamp.FromDateTimeOffset(DateTimeOffset.UtcNow),
                Version = "fake",
                SegmentLayoutHash = SegmentLayout.Hash,
                Adopted = generation > 1,
            };
            owner.OnHello?.Invoke(hello);
            socket.Send(new DataPlanePacket { Hello = hello }.ToByteArray(), [Segment.File]);
        }

        private bool Serve(Command command)
        {
            if (owner.DiesOf?.Invoke(command) == true)
            {
                return false;
            }

            foreach (Reply reply in owner.Answer(command))
            {
                Send(new DataPlanePacket { Reply = reply });
            }

            return true;
        }

        private void Send(DataPlanePacket packet)
        {
            byte[] bytes = packet.ToByteArray();
            if (bytes.Length <= EnclosedPacket.PlainBytesMax)
            {
                socket.Send(bytes);
                return;
            }

            using FileDescriptor file = EnclosedPacket.Write(bytes);
            var cover = new DataPlanePacket { Enclosed = new Enclosed { Size = (ulong)bytes.Length } };
            socket.Send(cover.ToByteArray(), [file]);
        }

        private static ServicePacket Open(ServicePacket packet, List<FileDescriptor> beside)
        {
            if (packet.PacketCase == ServicePacket.PacketOneofCase.Enclosed)
            {
                packet = ServicePacket.Parser.ParseFrom(EnclosedPacket.Read(beside.Single(), packet.Enclosed.Size));
            }

            beside.ForEach(descriptor => descriptor.Dispose());
            beside.Clear();
            return packet;
        }
    }
}
