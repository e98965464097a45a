using Google.Protobuf;
using Nf.Internal.V1;
using Nf.Linux;
using Nf.V1;

namespace Nf.Service.Tests;

/// <summary>A peer that breaks the protocol loses its connection, and only that.</summary>
public sealed class SessionProtocolTests : IDisposable, IDataPlaneObserver
{
    private readonly FakeDataPlane _fake = new();
    private readonly TaskCompletionSource _late = new(TaskCreationOptions.RunContinuationsAsynchronously);

    public static TheoryData<string, byte[]> Garbage { get; } = new()
    {
        { "no protobuf", [0xff, 0xff, 0xff, 0xff] },
        { "nothing in it", new DataPlanePacket().ToByteArray().Concat(new byte[] { 0x78, 0x01 }).ToArray() },
        { "a reply to nothing", Packet(new Reply { Id = 77, Done = new Done() }) },
        { "a second hello", new DataPlanePacket { Hello = new DataPlaneHello { ProtocolVersion = 1 } }.ToByteArray() },
        { "too large", new byte[SeqPacketConnection.PacketBytesMax + 1] },
    };

    public static TheoryData<string, Action<DataPlaneHello>, string> WrongHellos { get; } = new()
    {
        { "another layout", h => h.SegmentLayoutHash++, "layout" },
        { "another version", h => h.ProtocolVersion = 2, "version 2" },
        { "another generation", h => h.Generation++, "generation" },
    };

    [Theory]
    [MemberData(nameof(Garbage))]
    public async Task Session_Garbage_Ends(string why, byte[] packet)
    {
        using DataPlaneSession session = await OpenAsync();

        _fake.SendRaw(packet);

        string reason = await session.Ended.InTimeAsync();
        Assert.True(reason.Contains("broke the protocol", StringComparison.Ordinal), $"{why}: {reason}");
    }

    [Theory]
    [MemberData(nameof(WrongHellos))]
    public async Task Open_WrongHello_SaysWhatIsWrong(string why, Action<DataPlaneHello> change, string says)
    {
        _fake.OnHello = change;

        var error = await Assert.ThrowsAsync<IOException>(OpenAsync);

        Assert.True(error.Message.Contains(says, StringComparison.Ordinal), $"{why}: {error.Message}");
    }

    [Fact]
    public async Task Call_DuplicateReply_EndsTheSession()
    {
        _fake.OnCommand = c => [Done(c), Done(c)];
        using DataPlaneSession session = await OpenAsync();

        await session.CallAsync(Delete(), CancellationToken.None).InTimeAsync();

        Assert.Contains("reply to no command", await session.Ended.InTimeAsync());
    }

    [Fact]
    public async Task Call_ReplyOfTheWrongKind_EndsTheSession()
    {
        _fake.OnCommand = _ => [new Reply { Ledger = new ChunkLedger() }];
        using DataPlaneSession session = await OpenAsync();

        await Assert.ThrowsAsync<DataPlaneUnavailableException>(
            () => session.CallAsync(Delete(), CancellationToken.None).InTimeAsync());
    }

    [Fact]
    public async Task Call_ReplyAboutAnotherName_EndsTheSession()
    {
        _fake.OnCommand = _ => [new Reply { Umem = new Umem { Name = "other" } }];
        using DataPlaneSession session = await OpenAsync();
        var create = new Command { CreateUmem = new CreateUmem { Umem = new Umem { Name = "mine" } } };

        await Assert.ThrowsAsync<DataPlaneUnavailableException>(
            () => session.CallAsync(create, CancellationToken.None).InTimeAsync());
    }

    [Fact]
    public async Task Call_EndlessPieces_EndsTheSession()
    {
        _fake.OnCommand = _ =>
            [.. Enumerable.Range(0, 300).Select(_ => new Reply { Inventory = new Inventory(), More = true })];
        using DataPlaneSession session = await OpenAsync();

        await Assert.ThrowsAsync<DataPlaneUnavailableException>(
            () => session.CallAsync(new Command { GetInventory = new GetInventory() }, CancellationToken.None)
                .InTimeAsync());
    }

    [Fact]
    public async Task Call_PeerDiesFirst_IsUnavailable()
    {
        _fake.DiesOf = _ => true;
        using DataPlaneSession session = await OpenAsync();

        await Assert.ThrowsAsync<DataPlaneUnavailableException>(
            () => session.CallAsync(Delete(), CancellationToken.None).InTimeAsync());
    }

    [Fact]
    public async Task Call_AfterTheEnd_IsUnavailable()
    {
        using DataPlaneSession session = await OpenAsync();
        _fake.Die();
        await session.Ended.InTimeAsync();

        await Assert.ThrowsAsync<DataPlaneUnavailableException>(
            () => session.CallAsync(Delete(), CancellationToken.None).InTimeAsync());
    }

    [Fact]
    public async Task Call_Fault_KeepsCallErrnoAndReason()
    {
        _fake.OnCommand = _ => [FakeInventory.Fault("IN_USE", Errno.EBUSY, "close", "no")];
        using DataPlaneSession session = await OpenAsync();

        var error = await Assert.ThrowsAsync<DataPlaneFaultException>(
            () => session.CallAsync(Delete(), CancellationToken.None).InTimeAsync());

        Assert.Equal(("close", Errno.EBUSY, "IN_USE"), (error.Call, error.Errno, error.Reason));
    }

    [Fact]
    public async Task Call_GivenUp_LateReplyIsNoFaultOfThePeer()
    {
        var release = new TaskCompletionSource();
        _fake.OnCommand = c =>
        {
            FakeDataPlane.Hold(release.Task);
            return [Done(c)];
        };
        using var cancel = new CancellationTokenSource();
        using DataPlaneSession session = await OpenAsync();
        Task<Reply> call = session.CallAsync(Delete(), cancel.Token);

        await cancel.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => call.InTimeAsync());
        release.SetResult();

        await _late.Task.InTimeAsync();
        Assert.False(session.Ended.IsCompleted);
    }

    [Fact]
    public async Task Call_PeerThatNeverAnswers_RefusesWhatDoesNotFit()
    {
        // The socket holds fewer packets than may be pending, so a peer that gets no CPU is waited for now and then.
        var unread = new SemaphoreSlim(64);
        _fake.OnCommand = _ =>
        {
            unread.Release();
            return [];
        };
        using DataPlaneSession session = await OpenAsync();
        var calls = new List<Task<Reply>>();
        for (int i = 0; i < DataPlaneSession.PendingMax; i++)
        {
            Assert.True(await unread.WaitAsync(Deadline.Patience), $"the peer reads no more after {i} commands");
            calls.Add(session.CallAsync(Delete(), CancellationToken.None));
        }

        var error = await Assert.ThrowsAsync<DataPlaneUnavailableException>(
            () => session.CallAsync(Delete(), CancellationToken.None).InTimeAsync());
        Assert.StartsWith($"{DataPlaneSession.PendingMax} commands wait", error.Message, StringComparison.Ordinal);
        Assert.All(calls, call => Assert.False(call.IsCompleted));

        session.Close("enough");
        foreach (Task<Reply> call in calls)
        {
            await Assert.ThrowsAsync<DataPlaneUnavailableException>(() => call.InTimeAsync());
        }
    }

    [Fact]
    public async Task Call_PeerThatNeverReads_IsRefusedOnceTheSocketIsFull()
    {
        var release = new TaskCompletionSource();
        _fake.OnCommand = _ =>
        {
            FakeDataPlane.Hold(release.Task);
            return [];
        };
        using DataPlaneSession session = await OpenAsync();
        string name = new('u', 8000); // the socket's buffer is full long before there are too many commands
        Task<Reply>[] calls =
        [
            .. Enumerable.Range(0, DataPlaneSession.PendingMax)
                .Select(_ => session.CallAsync(Delete(name), CancellationToken.None)),
        ];

        Task<Reply> refused = calls.First(call => call.IsFaulted);
        var error = await Assert.ThrowsAsync<DataPlaneUnavailableException>(() => refused);
        release.SetResult();

        Assert.Contains("takes no more commands", error.Message);
        Assert.False(session.Ended.IsCompleted);
    }

    public void Dispose() => _fake.Dispose();

    void IDataPlaneObserver.OnDone(Command command, Reply reply)
    {
    }

    void IDataPlaneObserver.OnLate(Command command) => _late.TrySetResult();

    void IDataPlaneObserver.OnEvent(Event told)
    {
    }

    private static byte[] Packet(Reply reply) => new DataPlanePacket { Reply = reply }.ToByteArray();

    private static Reply Done(Command command) => new() { Id = command.Id, Done = new Done() };

    private static Command Delete(string name = "u") => new() { DeleteUmem = new DeleteUmem { Name = name } };

    private async Task<DataPlaneSession> OpenAsync()
    {
        var session = new DataPlaneSession(_fake.Connect(), this);
        await session.OpenAsync(0, 0, CancellationToken.None).InTimeAsync();
        return session;
    }
}
