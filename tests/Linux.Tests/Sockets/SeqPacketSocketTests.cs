using Nf.Linux.Tests.Support;

namespace Nf.Linux.Tests.Sockets;

public class SeqPacketSocketTests
{
    [Fact]
    public void Send_MessageWithDescriptors_ArrivesWithSameFiles()
    {
        (SeqPacketSocket first, SeqPacketSocket second) = SeqPacketSocket.SocketPair();
        using (first)
        using (second)
        {
            using FileDescriptor file = MemFile.Create("passed", 4096, default);
            using EventFd signal = EventFd.Create();
            first.Send([1, 2, 3], [file, signal.Descriptor]);

            byte[] buffer = new byte[16];
            var received = new List<FileDescriptor>();
            Assert.Equal(TransferStatus.Done, second.Receive(buffer, out int length, received));

            Assert.Equal([1, 2, 3], buffer[..length]);
            Assert.Equal(2, received.Count);
            Assert.True(received[0].IsSameFile(file));
            Assert.False(received[0].IsSameFile(received[1]));
            using EventFd adopted = EventFd.Adopt(received[1]);
            signal.Signal();
            Assert.True(adopted.TryDrain());
            received[0].Dispose();
        }
    }

    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    [InlineData(253)]
    public void Send_AnyAllowedDescriptorCount_ArrivesComplete(int count)
    {
        (SeqPacketSocket first, SeqPacketSocket second) = SeqPacketSocket.SocketPair();
        using (first)
        using (second)
        using (EventFd signal = EventFd.Create())
        {
            FileDescriptor[] many = Enumerable.Repeat(signal.Descriptor, count).ToArray();
            first.Send([7], many);
            var received = new List<FileDescriptor>();
            Assert.Equal(TransferStatus.Done, second.TryReceive(new byte[1], out int length, received));
            Assert.Equal((1, count), (length, received.Count));
            received.ForEach(descriptor => descriptor.Dispose());
        }
    }

    [Fact]
    public void Send_TooManyDescriptorsOrNoBytes_Throws()
    {
        (SeqPacketSocket first, SeqPacketSocket second) = SeqPacketSocket.SocketPair();
        using (first)
        using (second)
        {
            FileDescriptor[] many = Enumerable.Repeat(first.Descriptor, UnixSocket.DescriptorCountMax + 1).ToArray();
            Assert.Throws<ArgumentException>(() => first.Send([1], many));
            Assert.Throws<ArgumentException>(() => first.Send([]));
        }
    }

    [Fact]
    public void Receive_MessageLargerThanBuffer_ThrowsAndClosesWhatCameWithIt()
    {
        (SeqPacketSocket first, SeqPacketSocket second) = SeqPacketSocket.SocketPair();
        using (first)
        using (second)
        using (FileDescriptor file = MemFile.Create("leaked-if-found", 4096, default))
        {
            first.Send(new byte[100], [file]);
            first.Send([5]);
            var received = new List<FileDescriptor>();
            int before = OpenDescriptors.Count("leaked-if-found");

            var error = Assert.Throws<LinuxException>(() => second.Receive(new byte[10], out _, received));

            Assert.Equal("recvmsg(MSG_TRUNC): EMSGSIZE (Message too long)", error.Message);
            Assert.Empty(received);
            Assert.Equal(before, OpenDescriptors.Count("leaked-if-found"));
            Assert.Equal(TransferStatus.Done, second.Receive(new byte[10], out int length, received));
            Assert.Equal(1, length);
        }
    }

    [Fact]
    public void TryReceive_NothingThenClosed_IsToldApart()
    {
        (SeqPacketSocket first, SeqPacketSocket second) = SeqPacketSocket.SocketPair();
        using (second)
        {
            Assert.Equal(TransferStatus.WouldBlock, second.TryReceive(new byte[1], out _, []));
            first.Dispose();
            Assert.Equal(TransferStatus.Closed, second.TryReceive(new byte[1], out _, []));
            Assert.Equal(TransferStatus.Closed, second.TrySend([1]));
            Assert.Equal(Errno.EPIPE, Assert.Throws<LinuxException>(() => second.Send([1])).Errno);
        }
    }

    [Fact]
    public void TrySend_PeerDoesNotRead_WouldBlock()
    {
        (SeqPacketSocket first, SeqPacketSocket second) = SeqPacketSocket.SocketPair();
        using (first)
        using (second)
        {
            int sent = 0;
            while (first.TrySend(new byte[1000]) == TransferStatus.Done)
            {
                Assert.True(++sent < 100_000);
            }

            Assert.True(sent > 0);
            Assert.Equal(TransferStatus.Done, second.TryReceive(new byte[1000], out _, []));
        }
    }

    [Fact]
    public void Listen_ConnectAndAccept_PeerIsThisProcess()
    {
        using var directory = new TempDirectory();
        string path = directory.File("s.sock");
        using SeqPacketSocket listener = SeqPacketSocket.Listen(path);
        Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite, File.GetUnixFileMode(path));
        Assert.Null(listener.TryAccept());

        using SeqPacketSocket client = SeqPacketSocket.Connect(path);
        using SeqPacketSocket server = listener.Accept();

        Assert.Equal(Environment.ProcessId, server.PeerCredentials.Pid);
        using PidFd? peer = server.TryGetPeerPidFd();
        Assert.False(peer?.HasExited ?? false);
        client.Send([9]);
        Assert.Equal(TransferStatus.Done, server.Receive(new byte[4], out int length, []));
        Assert.Equal(1, length);
    }

    [Fact]
    public void Listen_StaleFile_IsReplacedButLiveListenerIsNot()
    {
        using var directory = new TempDirectory();
        string path = directory.File("s.sock");
        SeqPacketSocket.Listen(path).Dispose();
        Assert.Equal(Errno.ECONNREFUSED, Assert.Throws<LinuxException>(() => SeqPacketSocket.Connect(path)).Errno);

        using SeqPacketSocket live = SeqPacketSocket.Listen(path);
        var error = Assert.Throws<LinuxException>(() => SeqPacketSocket.Listen(path));

        Assert.Equal(Errno.EADDRINUSE, error.Errno);
        Assert.Contains(path, error.Message, StringComparison.Ordinal);
        SeqPacketSocket.Connect(path).Dispose();
    }

    [Fact]
    public void Listen_OrdinaryFileInTheWay_IsKept()
    {
        using var directory = new TempDirectory();
        string path = directory.File("precious");
        File.WriteAllText(path, "data");
        Assert.Equal(Errno.EADDRINUSE, Assert.Throws<LinuxException>(() => SeqPacketSocket.Listen(path)).Errno);
        Assert.Equal("data", File.ReadAllText(path));
    }

    [Fact]
    public void Connect_PathTooLongOrRelative_NamesTheRule()
    {
        Assert.Throws<ArgumentException>(() => SeqPacketSocket.Connect("/" + new string('x', 107)));
        Assert.Throws<ArgumentException>(() => SeqPacketSocket.Connect("relative.sock"));
    }

    [Fact]
    public void Adopt_OtherKindOfSocket_Refused()
    {
        (UnixStreamSocket first, UnixStreamSocket second) = UnixStreamSocket.SocketPair();
        using (first)
        using (second)
        {
            Assert.Throws<ArgumentException>(() => SeqPacketSocket.Adopt(first.Descriptor));
            Assert.False(first.Descriptor.IsClosed);
        }
    }
}
