using Nf.Linux.Tests.Support;

namespace Nf.Linux.Tests.Sockets;

public class UnixStreamSocketTests
{
    [Fact]
    public void Receive_DescriptorsComeWithTheBytesTheyWereSentWith()
    {
        (UnixStreamSocket first, UnixStreamSocket second) = UnixStreamSocket.SocketPair();
        using (first)
        using (second)
        using (FileDescriptor one = MemFile.Create("one", 1, default))
        using (FileDescriptor two = MemFile.Create("two", 1, default))
        {
            first.Send(new byte[12], [one]);
            first.Send(new byte[12], [two]);
            var received = new List<FileDescriptor>();

            // Asks for more than one message holds, and still gets only the first: its descriptors end the receive.
            Assert.Equal(TransferStatus.Done, second.Receive(new byte[24], out int length, received));
            Assert.Equal(12, length);
            Assert.True(Assert.Single(received).IsSameFile(one));
            received[0].Dispose();
            received.Clear();
            Assert.Equal(TransferStatus.Done, second.TryReceive(new byte[4], out length, received));
            Assert.Equal(4, length);
            Assert.True(Assert.Single(received).IsSameFile(two));
            received[0].Dispose();
        }
    }

    [Fact]
    public void TrySend_PeerDoesNotRead_TakesSomeThenWouldBlock()
    {
        (UnixStreamSocket first, UnixStreamSocket second) = UnixStreamSocket.SocketPair();
        using (first)
        using (second)
        {
            long total = 0;
            while (first.TrySend(new byte[100_000], [], out int sent) == TransferStatus.Done)
            {
                total += sent;
                Assert.True(total < 100_000_000);
            }

            long received = 0;
            while (second.TryReceive(new byte[65536], out int length, []) == TransferStatus.Done)
            {
                received += length;
            }

            Assert.Equal(total, received);
        }
    }

    [Fact]
    public void ListenAcceptShutdown_EndOfFileIsSeen()
    {
        using var directory = new TempDirectory();
        string path = directory.File("stream.sock");
        using UnixStreamSocket listener = UnixStreamSocket.Listen(path, mode: 0x1b0 /* 0660 */);
        Assert.Equal(0x1b0, (int)File.GetUnixFileMode(path));
        using UnixStreamSocket client = UnixStreamSocket.Connect(path);
        using UnixStreamSocket server = listener.TryAccept()!;
        client.Shutdown();
        Assert.Equal(TransferStatus.Closed, server.Receive(new byte[1], out _, []));
        Assert.Equal(TransferStatus.Closed, server.TrySend([1], [], out _));
    }

    [Fact]
    public void Receive_NoDescriptorsFree_ThrowsAndLeaksNothing()
    {
        (UnixStreamSocket first, UnixStreamSocket second) = UnixStreamSocket.SocketPair();
        using (first)
        using (second)
        {
            first.Send([1], [first.Descriptor, first.Descriptor]);
            string limit = Environment.ProcessId.ToString();
            string before = Command.Run("prlimit", "--pid", limit, "--nofile", "--output=SOFT", "--noheadings");
            int highest = Directory.EnumerateFiles("/proc/self/fd").Max(file => int.Parse(Path.GetFileName(file)));

            // Every number up to the highest in use is taken first, so that exactly one more can be given out; and a
            // few beyond, because the command that puts the limit back needs numbers of its own under the low limit.
            const int NumbersForACommand = 32;
            var fillers = new List<FileDescriptor>();
            while (fillers.Count == 0 || fillers[^1].Number <= highest + NumbersForACommand)
            {
                fillers.Add(first.Descriptor.Duplicate());
            }

            Command.Run("prlimit", "--pid", limit, $"--nofile={fillers[^1].Number + 2}:");
            var received = new List<FileDescriptor>();
            Exception? error;
            try
            {
                error = Record.Exception(() => second.Receive(new byte[1], out _, received));
            }
            finally
            {
                fillers.ForEach(filler => filler.Dispose());
                Command.Run("prlimit", "--pid", limit, $"--nofile={before}:");
            }

            Assert.Equal(Errno.EMFILE, Assert.IsType<LinuxException>(error).Errno);
            Assert.Empty(received);
        }
    }
}
