using Nf.DataPlane.Tests.Vhost.Protocol.Support;
using Nf.DataPlane.Vhost;
using Nf.DataPlane.Vhost.Protocol;
using Nf.DataPlane.Vhost.Session;
using Nf.Linux;

namespace Nf.DataPlane.Tests.Vhost.Protocol;

/// <summary>Descriptors beside messages: each is used or closed.</summary>
public class DescriptorTests
{
    public static TheoryData<uint> WithoutDescriptors =>
        new(RequestTable.All.Where(row => row.Descriptors == DescriptorRule.None).Select(row => (uint)row.Request));

    public static TheoryData<uint> WithOne => new(
        RequestTable.All
            .Where(row => row.Descriptors is DescriptorRule.One or DescriptorRule.OneUnlessNoFd)
            .Select(row => (uint)row.Request));

    [Theory] // B01
    [MemberData(nameof(WithoutDescriptors))]
    public void Request_WithADescriptorTooMany_EndsConnection(uint request)
    {
        using var rig = SessionRig.Negotiated();
        rig.Fatal((VhostRequest)request, PayloadOf(request), rig.NewEventFd().Descriptor);
        Assert.Equal(1UL, rig.Faults.Count(VhostFaultKind.Descriptors));
    }

    [Theory] // B02
    [MemberData(nameof(WithOne))]
    public void Request_WithTwoInsteadOfOne_EndsConnection(uint request)
    {
        using var rig = SessionRig.Negotiated();
        rig.Fatal(
            (VhostRequest)request, PayloadOf(request), rig.NewEventFd().Descriptor, rig.NewEventFd().Descriptor);
        Assert.Equal(1UL, rig.Faults.Count(VhostFaultKind.Descriptors));
    }

    [Theory] // B03, B04: as many as the kernel lets through
    [InlineData(9)]
    [InlineData(253)]
    public void Message_WithTooManyDescriptors_EndsConnection(int count)
    {
        using var rig = SessionRig.Negotiated();
        FileDescriptor one = rig.NewEventFd().Descriptor;
        rig.Fatal(VhostRequest.SET_OWNER, [], [.. Enumerable.Repeat(one, count)]);
        Assert.Equal(1, rig.HeldBySession);
    }

    [Fact] // B04: what the kernel could not hand out is gone, and with it the meaning of the message
    public void Descriptors_LostOnTheWay_EndConnection()
    {
        using var host = new FakeHost();
        using EventFd any = EventFd.Create();
        var faults = new VhostFaults();
        using var session = new VhostSession(new LossyStream(any.Descriptor), host, faults);
        Assert.False(session.OnReadable());
        Assert.Equal(1UL, faults.Count(VhostFaultKind.Descriptors));
        Assert.Contains("MSG_CTRUNC", session.EndReason, StringComparison.Ordinal);
    }

    [Theory] // B05
    [InlineData(1)]
    [InlineData(11)]
    [InlineData(12)]
    [InlineData(16)]
    public void Descriptor_WithLaterBytes_EndsConnection(int at)
    {
        using var rig = SessionRig.Negotiated();
        byte[] message = Messages.Of((uint)VhostRequest.SET_VRING_KICK, Messages.Number(0));
        rig.SendRaw(message[..at]);
        rig.Pump();
        rig.SendRaw(message[at..], rig.NewEventFd().Descriptor);
        rig.Pump();
        Assert.True(rig.IsClosed);
        Assert.Contains($"at byte {at}", rig.LastFault(), StringComparison.Ordinal);
    }

    [Fact]
    public void Descriptor_OfTheNextMessage_IsNotMixedIn()
    {
        using var rig = SessionRig.Negotiated();
        rig.SendRaw(Messages.Of((uint)VhostRequest.SET_OWNER, []));
        rig.SendRaw(
            Messages.Of((uint)VhostRequest.SET_VRING_CALL, Messages.Number(0)), rig.NewEventFd().Descriptor);
        rig.SendRaw(Messages.Of((uint)VhostRequest.GET_FEATURES, []));
        rig.Pump();
        Assert.True(rig.Session.Describe().Rings[0].HasCall);
        Assert.NotNull(rig.Receive());
    }

    [Theory] // B06
    [InlineData(1)]
    [InlineData(3)]
    public void MemoryTable_OfTwoWithOtherDescriptors_EndsConnection(int descriptors)
    {
        using var rig = SessionRig.Negotiated();
        GuestRam first = rig.Own(new GuestRam());
        GuestRam second = rig.Own(new GuestRam(guest: 0x1000_0000, user: 0x1000_0000));
        FileDescriptor[] files = [.. Enumerable.Repeat(first.File, descriptors)];
        rig.Fatal(VhostRequest.SET_MEM_TABLE, Messages.Table(first.Layout, second.Layout), files);
    }

    [Theory] // B07
    [InlineData(VhostRequest.SET_VRING_CALL)]
    [InlineData(VhostRequest.SET_VRING_KICK)]
    [InlineData(VhostRequest.SET_VRING_ERR)]
    public void VringFile_ReplacedOften_KeepsOne(object request)
    {
        using var rig = SessionRig.Negotiated();
        EventFd[] eventFds = [.. Enumerable.Range(0, 10).Select(_ => rig.NewEventFd())];
        for (int i = 0; i < 1000; i++)
        {
            rig.Send((VhostRequest)request, Messages.Number(1), eventFds[i % eventFds.Length].Descriptor);
        }

        Assert.Equal(1 + 1, rig.HeldBySession);
    }

    [Fact] // B08
    public void ReceivedDescriptors_AreCloseOnExec()
    {
        using var rig = SessionRig.Negotiated();
        rig.StartRings(0);
        Assert.False(rig.Watch.AnyInheritable());
    }

    [Fact] // B09
    public void RemoveRegion_WithADescriptor_IsTakenAndItIsClosed()
    {
        using var rig = SessionRig.Negotiated();
        GuestRam ram = rig.SendMemory();
        rig.Acked(VhostRequest.REM_MEM_REG, Messages.SingleRegion(ram.Layout), ram.File);
        Assert.Equal(1, rig.HeldBySession);
        Assert.Equal(0, rig.Watch.Mapped());
        rig.Fatal(VhostRequest.REM_MEM_REG, Messages.SingleRegion(ram.Layout), ram.File, ram.File);
    }

    [Theory] // B10
    [InlineData(VhostRequest.SET_VRING_KICK, 0)]
    [InlineData(VhostRequest.SET_VRING_CALL, 0)]
    [InlineData(VhostRequest.SET_VRING_ERR, 1)]
    [InlineData(VhostRequest.SET_VRING_KICK, 1)]
    public void VringFile_ThatIsNoEventFd_IsRefused(object request, int what)
    {
        using var rig = SessionRig.Negotiated();
        FileDescriptor wrong = what == 0
            ? rig.Own(new GuestRam()).File
            : rig.Own(OpenOwnFile());
        rig.Nacked((VhostRequest)request, Messages.Number(0), wrong);
        rig.Acked(VhostRequest.SET_OWNER);
    }

    private static byte[] PayloadOf(uint request) =>
        new byte[(int)RequestTable.Find((VhostRequest)request)!.Payload.Min];

    // A file that nothing else in this process has open.
    private static FileDescriptor OpenOwnFile()
    {
        string path = Path.GetTempFileName();
        try
        {
            return FileDescriptor.OpenReadOnly(path);
        }
        finally
        {
            File.Delete(path);
        }
    }

    private sealed class LossyStream(FileDescriptor any) : IMessageStream
    {
        public FileDescriptor Descriptor => any;

        public TransferStatus TryReceive(Span<byte> buffer, out int length, List<FileDescriptor> descriptors) =>
            throw new LinuxException("recvmsg(MSG_CTRUNC)", Errno.EMFILE);

        public TransferStatus TrySend(
            ReadOnlySpan<byte> bytes, ReadOnlySpan<FileDescriptor> descriptors, out int sent) =>
            throw new InvalidOperationException("there is nothing to answer");

        public void Dispose()
        {
        }
    }
}
