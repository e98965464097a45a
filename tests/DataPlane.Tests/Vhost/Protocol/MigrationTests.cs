using Nf.DataPlane.Tests.Vhost.Protocol.Support;
using Nf.DataPlane.Vhost;
using Nf.DataPlane.Vhost.Protocol;
using Nf.Linux;

namespace Nf.DataPlane.Tests.Vhost.Protocol;

/// <summary>The dirty log and the state of the device.</summary>
public class MigrationTests
{
    private const ulong Logging = SessionRig.Features | VirtioFeatures.LogAll;

    public static TheoryData<ulong, ulong> BadLogs => new()
    {
        { 0, 0 },
        { 4096, ulong.MaxValue - 4095 },
        { ulong.MaxValue, 4096 },
        { 8193, 0 },
        { 4096, 4097 },
    };

    [Theory] // J06
    [InlineData(1u)]
    [InlineData(9u)]
    public void LogBase_IsAnsweredOnceByAnEcho(uint flags)
    {
        using var rig = SessionRig.Negotiated();
        var log = new SharedFilePayload(4096, 512);
        rig.SendRaw(
            Messages.Of((uint)VhostRequest.SET_LOG_BASE, Messages.Payload(log), flags), NewLog(rig));
        rig.Pump();
        Reply reply = rig.Receive()!;
        Assert.Equal(5u, reply.Flags);
        Assert.Equal(log, reply.As<SharedFilePayload>());
        Assert.Equal(16, reply.Payload.Length);
        Assert.Null(rig.Receive());
    }

    [Theory] // J08
    [MemberData(nameof(BadLogs))]
    public void LogBase_ThatCannotBe_EndsConnection(ulong size, ulong offset)
    {
        using var rig = SessionRig.Negotiated();
        rig.Fatal(
            VhostRequest.SET_LOG_BASE, Messages.Payload(new SharedFilePayload(size, offset)), NewLog(rig));
        Assert.Equal(1UL, rig.Faults.Count(VhostFaultKind.BadMemory));
    }

    [Fact] // J08
    public void LogBase_AtAnyOffset_IsMapped()
    {
        using var rig = SessionRig.Negotiated();
        SendLog(rig, NewLog(rig), 4095, 4097);
        Assert.Equal(4095UL, rig.Session.Describe().Log!.SizeBytes);
    }

    // With the base of its last ring a front-end ends a migration: it must not get it when pages are missing.
    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void Log_FileShrinks_CostsTheConnectionAndIsTold(bool asksForTheBase)
    {
        using SessionRig rig = SessionRig.Negotiated(features: Logging);
        FileDescriptor file = NewLog(rig);
        SendLog(rig, file);
        rig.StartRings(0);
        file.Truncate(0);
        rig.Host.Running[0]!.Log!.Mark(0, 4096);
        if (asksForTheBase)
        {
            rig.Fatal(VhostRequest.GET_VRING_BASE, Messages.State(0, 0));
        }
        else
        {
            Assert.False(rig.Session.OnTick(1));
        }

        Assert.Equal(1UL, rig.Faults.Count(VhostFaultKind.MemoryLost));
        Assert.Contains("dirty log", rig.Session.EndReason, StringComparison.Ordinal);
    }

    [Fact] // J06, J07: what runs has the new log when the answer leaves
    public void Log_FollowsFeaturesAndBase()
    {
        using var rig = SessionRig.Negotiated();
        rig.StartRings(0, 1);
        SendLog(rig, NewLog(rig));
        Assert.Null(rig.Host.Running[0]!.Log);
        rig.Acked(VhostRequest.SET_FEATURES, Messages.Number(Logging));
        Assert.NotNull(rig.Host.Running[0]!.Log);
        var first = rig.Host.Running[1]!.Log;
        SendLog(rig, NewLog(rig));
        Assert.NotSame(first, rig.Host.Running[1]!.Log);
        Assert.Equal(2, rig.Watch.Mapped()); // memory and the new log
        rig.Acked(VhostRequest.SET_FEATURES, Messages.Number(SessionRig.Features));
        Assert.Null(rig.Host.Running[1]!.Log);
        Assert.DoesNotContain("stop 0", rig.Host.Calls);
    }

    [Fact] // QEMU restarts rings while it migrates, and sends the log last
    public void Log_AcceptedButNotThere_IsNotMissed()
    {
        using var rig = SessionRig.Negotiated(features: Logging);
        rig.StartRings(0);
        Assert.Null(rig.Host.Running[0]!.Log);
        Assert.Null(rig.Session.Describe().Log);
    }

    [Fact]
    public void UsedLog_IsToggledOnARunningRing()
    {
        using var rig = SessionRig.Negotiated(features: Logging);
        GuestRam ram = rig.StartRings(0);
        rig.Acked(VhostRequest.SET_VRING_ADDR, Messages.Payload(ram.RingAt(0, flags: 1)));
        Assert.Equal(0x6000UL, rig.Host.Running[0]!.UsedLogAddress);
        rig.Acked(VhostRequest.SET_VRING_ADDR, Messages.Payload(ram.RingAt(0)));
        Assert.Null(rig.Host.Running[0]!.UsedLogAddress);
        Assert.Equal(["replace 0", "replace 0"], rig.Host.Calls[^2..]);
    }

    [Fact]
    public void LogFd_ReplacesTheOldOne()
    {
        using var rig = SessionRig.Negotiated();
        rig.Acked(VhostRequest.SET_LOG_FD, [], rig.NewEventFd().Descriptor);
        rig.Acked(VhostRequest.SET_LOG_FD, [], rig.NewEventFd().Descriptor);
        Assert.Equal(2, rig.HeldBySession);
    }

    [Fact] // J15
    public void DeviceState_Saved_CanBeLoadedByAnother()
    {
        using var source = SessionRig.Negotiated();
        source.Acked(VhostRequest.NET_SET_MTU, Messages.Number(9000));
        (UnixStreamSocket read, UnixStreamSocket write) = UnixStreamSocket.SocketPair();
        source.Own(read);
        Assert.Equal(0x100UL, Transfer(source, 0, write.Descriptor));
        write.Dispose();
        Assert.Equal(0UL, source.Ask(VhostRequest.CHECK_DEVICE_STATE).Number);
        var state = new byte[100];
        Assert.Equal(TransferStatus.Done, read.Receive(state, out int length, []));
        Assert.Equal(TransferStatus.Closed, read.TryReceive(state.AsSpan(length), out _, []));

        using var destination = SessionRig.Negotiated();
        Assert.Equal(0UL, Load(destination, state[..length]));
        Assert.Equal("mtu 9000", destination.Host.Calls[^1]);
    }

    [Theory] // J15
    [InlineData(0)]
    [InlineData(15)]
    [InlineData(16)]
    [InlineData(5000)]
    public void DeviceState_ThatIsNone_FailsTheCheck(int bytes)
    {
        using var rig = SessionRig.Negotiated();
        Assert.NotEqual(0UL, Load(rig, [.. Enumerable.Repeat((byte)7, bytes)]));
        Assert.NotEqual(0UL, rig.Ask(VhostRequest.CHECK_DEVICE_STATE).Number);
        Assert.Empty(rig.Host.Calls);
    }

    [Theory] // J15: the writer did not close its end, and the reader's is made to wait
    [InlineData(false)]
    [InlineData(true)]
    public void DeviceState_WithoutItsEnd_FailsTheCheckWithoutWaiting(bool makesItWait)
    {
        using var rig = SessionRig.Negotiated();
        (UnixStreamSocket read, UnixStreamSocket write) = UnixStreamSocket.SocketPair();
        rig.Own(write);
        Assert.Equal(0x100UL, Transfer(rig, 1, read.Descriptor));
        read.Descriptor.SetNonBlocking(!makesItWait);
        read.Dispose();
        Assert.NotEqual(0UL, rig.Ask(VhostRequest.CHECK_DEVICE_STATE).Number);
    }

    [Fact] // J15
    public void DeviceState_WhileARingRuns_IsRefused()
    {
        using var rig = SessionRig.Negotiated();
        rig.StartRings(0);
        (UnixStreamSocket read, UnixStreamSocket write) = UnixStreamSocket.SocketPair();
        rig.Own(write);
        rig.Own(read);
        Assert.Equal(0x101UL, Transfer(rig, 1, read.Descriptor));
        Assert.NotEqual(0UL, rig.Ask(VhostRequest.CHECK_DEVICE_STATE).Number);
    }

    [Theory]
    [InlineData(2u, 0u)]
    [InlineData(0u, 1u)]
    public void DeviceState_OtherDirectionOrPhase_IsRefused(uint direction, uint phase)
    {
        using var rig = SessionRig.Negotiated();
        Reply reply = rig.Ask(
            VhostRequest.SET_DEVICE_STATE_FD,
            Messages.Payload(new DeviceStatePayload(direction, phase)),
            rig.NewEventFd().Descriptor);
        Assert.Equal(0x101UL, reply.Number);
    }

    [Fact] // a file could make us wait for a disk or for its server
    public void DeviceState_ToAFile_IsRefused()
    {
        using var rig = SessionRig.Negotiated();
        Assert.Equal(0x101UL, Transfer(rig, 0, rig.Own(new GuestRam()).File));
    }

    private static FileDescriptor NewLog(SessionRig rig) =>
        rig.Own(MemFile.Create("log", 8192, new MemFileOptions()));

    private static void SendLog(SessionRig rig, FileDescriptor log, ulong size = 4096, ulong offset = 0) => rig.Ask(
        VhostRequest.SET_LOG_BASE, Messages.Payload(new SharedFilePayload(size, offset)), log);

    private static ulong Transfer(SessionRig rig, uint direction, FileDescriptor descriptor) => rig.Ask(
        VhostRequest.SET_DEVICE_STATE_FD, Messages.Payload(new DeviceStatePayload(direction, 0)), descriptor).Number;

    private static ulong Load(SessionRig rig, byte[] state)
    {
        (UnixStreamSocket read, UnixStreamSocket write) = UnixStreamSocket.SocketPair();
        rig.Watch.Add(read.Descriptor);
        Assert.Equal(0x100UL, Transfer(rig, 1, read.Descriptor));
        read.Dispose();
        if (state.Length != 0)
        {
            write.Send(state);
        }

        write.Dispose();
        return rig.Ask(VhostRequest.CHECK_DEVICE_STATE).Number;
    }
}
