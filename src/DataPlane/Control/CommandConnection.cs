using Google.Protobuf;
using Nf.Internal.V1;
using Nf.Linux;
using Nf.SharedMemory.Packets;
using Nf.V1;

namespace Nf.DataPlane.Control;

/// <summary>One connection of the command socket: packets in, packets out, never waiting for the other side.</summary>
internal sealed class CommandConnection : IDisposable
{
    /// <summary>Version of the protocol.</summary>
    internal const uint ProtocolVersion = 1;

    /// <summary>Bytes of a packet.</summary>
    internal const int PacketBytesMax = EnclosedPacket.PlainBytesMax;

    /// <summary>Packets that wait for a peer that does not read; one more and it is cut off. Arbitrary.</summary>
    private const int BacklogMax = 1024;

    /// <summary>Bytes that wait for such a peer. Arbitrary: a few inventories with large prefix tables.</summary>
    private const long BacklogBytesMax = 256L << 20;

    /// <summary>Packets read in one turn of the loop. Arbitrary.</summary>
    private const int PacketsPerTurn = 16;

    private readonly SeqPacketSocket _socket;
    private readonly byte[] _buffer = new byte[PacketBytesMax];
    private readonly List<FileDescriptor> _received = [];
    private readonly Queue<OutgoingPacket> _backlog = new();
    private long _backlogBytes;
    private bool _greeted;
    private bool _closed;

    internal CommandConnection(SeqPacketSocket socket) => _socket = socket;

    internal FileDescriptor Descriptor => _socket.Descriptor;

    /// <summary>Reads and answers everything that waits.</summary>
    /// <param name="hello">Greets a service; gets what it said of itself.</param>
    /// <param name="execute">Carries out a command; no reply means that it comes later.</param>
    /// <returns>False when the connection is over.</returns>
    internal bool Serve(Action<ServiceHello> hello, Func<Command, IReadOnlyList<Reply>> execute)
    {
        // A few at a time: what is left is found by the next round of the loop, and whoever never stops asking does not
        // keep it from its other work.
        for (int i = 0; i < PacketsPerTurn && !_closed; i++)
        {
            TransferStatus status;
            int length;
            try
            {
                status = _socket.TryReceive(_buffer, out length, _received);
            }
            catch (LinuxException)
            {
                // Too large, or with more descriptors than fit: not one of ours.
                return false;
            }

            if (status != TransferStatus.Done)
            {
                return status == TransferStatus.WouldBlock && Flush();
            }

            bool goesOn = Handle(_buffer.AsSpan(0, length), hello, execute, out bool wasLarge);
            CloseReceived();
            if (!goesOn)
            {
                return false;
            }

            if (wasLarge)
            {
                break;
            }
        }

        return !_closed && Flush();
    }

    /// <summary>Greets the service, with the segment beside the greeting.</summary>
    internal void Greet(DataPlaneHello hello, FileDescriptor segment)
    {
        _greeted = true;
        _socket.TrySend(new DataPlanePacket { Hello = hello }.ToByteArray(), [segment]);
    }

    /// <summary>Sends an event, or keeps it until the peer reads.</summary>
    /// <returns>False when the peer has not read for too long.</returns>
    internal bool Send(Event told) => !_greeted || Send(new DataPlanePacket { Event = told });

    /// <summary>Sends the answer to a command that took a while.</summary>
    /// <returns>False when the peer has not read for too long.</returns>
    internal bool Send(Reply reply) => Send(new DataPlanePacket { Reply = reply });

    /// <summary>Sends what the peer had no room for.</summary>
    internal bool Flush()
    {
        // An event that a command brought about may have found the peer gone, before the command was answered.
        while (!_closed && _backlog.TryPeek(out OutgoingPacket? packet))
        {
            TransferStatus status;
            try
            {
                status = packet.TrySend(_socket);
            }
            catch (LinuxException)
            {
                // Such as ETOOMANYREFS: a peer that takes no descriptors has too many of them in flight.
                return false;
            }

            if (status != TransferStatus.Done)
            {
                return status == TransferStatus.WouldBlock;
            }

            _backlogBytes -= packet.Size;
            _backlog.Dequeue().Dispose();
        }

        return !_closed;
    }

    public void Dispose()
    {
        _closed = true;
        CloseReceived();
        while (_backlog.TryDequeue(out OutgoingPacket? unsent))
        {
            unsent.Dispose();
        }

        _socket.Dispose();
    }

    private bool Handle(
        ReadOnlySpan<byte> packet, Action<ServiceHello> hello, Func<Command, IReadOnlyList<Reply>> execute,
        out bool wasLarge)
    {
        wasLarge = false;
        ServicePacket parsed;
        try
        {
            parsed = ServicePacket.Parser.ParseFrom(packet);
            wasLarge = parsed.PacketCase == ServicePacket.PacketOneofCase.Enclosed;

            // Nobody encloses a hello, and a stranger's file is not read before he has greeted.
            if (_received.Count != (wasLarge ? 1 : 0) || (wasLarge && !_greeted))
            {
                return false;
            }

            parsed = wasLarge
                ? ServicePacket.Parser.ParseFrom(EnclosedPacket.Read(_received[0], parsed.Enclosed.Size))
                : parsed;
        }
        catch (Exception e) when (e is InvalidProtocolBufferException or InvalidDataException)
        {
            return false;
        }

        switch (parsed.PacketCase)
        {
            case ServicePacket.PacketOneofCase.Hello when !_greeted:
                if (parsed.Hello.ProtocolVersion != ProtocolVersion)
                {
                    return false;
                }

                hello(parsed.Hello);
                return true;
            case ServicePacket.PacketOneofCase.Command when _greeted:
                return execute(parsed.Command).All(reply => Send(new DataPlanePacket { Reply = reply }));
            default:
                return false;
        }
    }

    private bool Send(DataPlanePacket packet)
    {
        OutgoingPacket? outgoing;
        try
        {
            outgoing = OutgoingPacket.Of(packet);
        }
        catch (LinuxException)
        {
            // No memory to tell what came of it: whoever asked has to ask again.
            return false;
        }

        if (outgoing is null || _closed)
        {
            outgoing?.Dispose();
            return false;
        }

        _backlog.Enqueue(outgoing);
        _backlogBytes += outgoing.Size;
        return Flush() && _backlog.Count <= BacklogMax && _backlogBytes <= BacklogBytesMax;
    }

    private void CloseReceived()
    {
        _received.ForEach(descriptor => descriptor.Dispose());
        _received.Clear();
    }
}
