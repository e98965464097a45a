using System.Buffers.Binary;
using Nf.Linux;
using Nf.SharedMemory.Store;

namespace Nf.SharedMemory.Tests.Store;

// The test plays the keeper on the other end of a socket pair.
public sealed class StoreClientTests : IDisposable
{
    private readonly SeqPacketSocket _keeper;
    private readonly StoreClient _client;
    private readonly byte[] _buffer = new byte[StoreCodec.MessageBytesMax];

    public StoreClientTests()
    {
        (SeqPacketSocket first, SeqPacketSocket second) = SeqPacketSocket.SocketPair();
        _keeper = first;
        _client = new StoreClient(second);
    }

    public void Dispose()
    {
        _client.Dispose();
        _keeper.Dispose();
    }

    [Fact]
    public void AnnounceReady_Always_CarriesTheProcessId()
    {
        _client.AnnounceReady();
        _keeper.Receive(_buffer, out int length, []);
        StoreMessage message = StoreCodec.Parse(_buffer.AsSpan(0, length), 0);
        Assert.Equal(StoreMessageType.Ready, message.Type);
        Assert.Equal((uint)Environment.ProcessId, BinaryPrimitives.ReadUInt32LittleEndian(message.Metadata));
    }

    [Fact]
    public void WaitForActivation_StoreFollows_ReturnsEntriesWithTheirDescriptors()
    {
        using FileDescriptor file = MemFile.Create("entry", 4096, default);
        Say(StoreMessageType.Activate, metadata: BitConverter.GetBytes(7ul));
        Say(StoreMessageType.Entry, key: "a", metadata: [1], descriptors: [file, file]);
        Say(StoreMessageType.Entry, key: "b");
        Say(StoreMessageType.End, metadata: BitConverter.GetBytes(2u));
        Activation activation = Assert.IsType<Activation>(_client.WaitForActivation());
        Assert.Equal(7ul, activation.Generation);
        Assert.Equal(["a", "b"], activation.Entries.Select(entry => entry.Key));
        Assert.All(activation.Entries[0].Descriptors, d => Assert.Equal(file.Identity, d.Identity));
        Assert.Equal(2, activation.Entries[0].Descriptors.Count);
        Assert.Empty(activation.Entries[1].Descriptors);
    }

    [Fact]
    public void WaitForActivation_EntryMissing_IsRefused()
    {
        Say(StoreMessageType.Activate, metadata: BitConverter.GetBytes(7ul));
        Say(StoreMessageType.End, metadata: BitConverter.GetBytes(1u));
        Assert.Throws<StoreException>(() => _client.WaitForActivation());
    }

    [Fact]
    public void WaitForActivation_NeverTheirTurn_ReturnsNull()
    {
        Say(StoreMessageType.Shutdown);
        Assert.Null(_client.WaitForActivation());
        _keeper.Dispose();
        Assert.Null(_client.WaitForActivation());
    }

    [Fact]
    public void Put_ShutdownComesBeforeTheAnswer_IsStillThereAfterwards()
    {
        using var epoll = new Epoll();
        epoll.Add(_client.Descriptor, EpollEvents.In, 0);
        Say(StoreMessageType.Shutdown);
        Say(StoreMessageType.Ack, sequence: 1);
        _client.Put("key", [], []);
        Assert.Equal(1, epoll.Wait(new EpollEvent[1], 0));
        Assert.Equal(KeeperSignal.Shutdown, _client.ReadSignal());
        Assert.Equal(0, epoll.Wait(new EpollEvent[1], 0));
        Assert.Equal(KeeperSignal.None, _client.ReadSignal());
    }

    [Fact]
    public void Put_Refused_ThrowsTheReason()
    {
        Say(StoreMessageType.Nak, sequence: 1, metadata: StoreCodec.WriteReason("full"));
        Assert.Equal(
            "Put key was refused: full", Assert.Throws<StoreException>(() => _client.Put("key", [], [])).Message);
    }

    [Fact]
    public void Put_NoAnswer_ThrowsInTimeAndIgnoresTheLateOne()
    {
        Assert.Contains("within 2000 ms", Assert.Throws<StoreException>(() => _client.Put("key", [], [])).Message);
        Say(StoreMessageType.Ack, sequence: 1);
        Assert.Equal(KeeperSignal.None, _client.ReadSignal());
        Say(StoreMessageType.Ack, sequence: 2);
        _client.Drop("key");
    }

    [Fact]
    public void ReadSignal_KeeperGone_SaysSoEachTime()
    {
        using var epoll = new Epoll();
        epoll.Add(_client.Descriptor, EpollEvents.In, 0);
        Assert.Equal(0, epoll.Wait(new EpollEvent[1], 0));
        _keeper.Dispose();
        Assert.Equal(1, epoll.Wait(new EpollEvent[1], 0));
        Assert.Equal(KeeperSignal.Gone, _client.ReadSignal());
        Assert.Equal(KeeperSignal.Gone, _client.ReadSignal());
        Assert.Throws<StoreException>(() => _client.Put("key", [], []));
        _client.Heartbeat();
    }

    [Fact]
    public void Heartbeat_NobodyReads_NeverWaits()
    {
        for (int i = 0; i < 10_000; i++)
        {
            _client.Heartbeat();
        }
    }

    private void Say(
        StoreMessageType type,
        uint sequence = 0,
        string key = "",
        byte[]? metadata = null,
        FileDescriptor[]? descriptors = null)
    {
        int length = StoreCodec.Write(_buffer, type, sequence, key, metadata, descriptors?.Length ?? 0);
        _keeper.Send(_buffer.AsSpan(0, length), descriptors);
    }
}
