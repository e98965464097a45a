using Nf.Linux;
using Nf.SharedMemory.Broker;

namespace Nf.DataPlane.Tests.Broker;

/// <summary>The protocol by hand, for what the library would not do.</summary>
internal static class RawClient
{
    internal static SeqPacketSocket Greeted(string path)
    {
        SeqPacketSocket socket = SeqPacketSocket.Connect(path);
        Ask(socket, BrokerMessageType.Hello, default(HelloRequest), [], out _, out _);
        return socket;
    }

    internal static (LeaseAnswer Answer, List<FileDescriptor> Descriptors) Lease(
        SeqPacketSocket socket, LeaseRequest request, FileDescriptor network)
    {
        Errno errno = Ask(socket, BrokerMessageType.Lease, request, [network], out byte[] body, out var descriptors);
        Assert.Equal(Errno.None, errno);
        return (System.Runtime.InteropServices.MemoryMarshal.Read<LeaseAnswer>(body), descriptors);
    }

    internal static Errno Registered(SeqPacketSocket socket, ulong lease) => Ask(
        socket, BrokerMessageType.Registered, new LeaseReference { Lease = lease }, [], out _, out _);

    /// <summary>Asks, and reads what comes unasked until the answer is there.</summary>
    internal static Errno Ask<T>(
        SeqPacketSocket socket, BrokerMessageType type, T request, FileDescriptor[] beside, out byte[] body,
        out List<FileDescriptor> descriptors)
        where T : unmanaged
    {
        byte[] buffer = new byte[BrokerProtocol.MessageBytesMax];
        socket.Send(buffer.AsSpan(0, BrokerCodec.Write(buffer, (ushort)type, 1, request)), beside);
        descriptors = [];
        BrokerMessage message;
        do
        {
            Assert.Equal(TransferStatus.Done, socket.Receive(buffer, out int length, descriptors));
            Assert.True(BrokerCodec.TrySplit(buffer.AsSpan(0, length), out message));
        }
        while (message.Header.Sequence == 0);

        body = message.Body.ToArray();
        return (Errno)message.Header.Result;
    }
}
