using Google.Protobuf;
using Nf.DataPlane.Xdp;
using Nf.Internal.V1;
using Nf.Linux;
using XdpMode = Nf.V1.XdpMode;

namespace Nf.DataPlane.Tests.Xdp;

/// <summary>What one life leaves with the keeper, and what the next makes of it.</summary>
[Trait("Tier", "kernel")]
public sealed class AdoptionTests : IDisposable
{
    private readonly VethLab _lab = VethLab.Create();
    private readonly InterfacePrograms _first = new(XdpAttachPreference.Link);
    private readonly InterfacePrograms _second = new(XdpAttachPreference.Link);

    public void Dispose()
    {
        _first.Dispose();
        _second.Dispose();
        _lab.Dispose();
    }

    [Fact]
    public void Adopt_AfterTheFirstLifeEnded_KeepsProgramAndSocket()
    {
        InterfaceProgram program = Acquire(needFrags: false);
        using CountingSocket socket = CountingSocket.Bind(_lab.Inner, _lab.Ifindex, 0);
        program.SetSocket(0, socket.Socket);
        (byte[] metadata, FileDescriptor[] kept) = Keep(program);
        _first.Dispose();

        InterfaceProgram adopted = _second.Adopt(metadata, kept);

        Assert.Equal(program.ProgramId, adopted.ProgramId);
        Assert.Equal((program.Mode, program.Frags, 0), (adopted.Mode, adopted.Frags, adopted.UserCount));
        using var sender = _lab.ConnectOutside(9);
        sender.Send([1, 2, 3]);
        Await.Until(() => socket.Frames == 1, "the frame at the socket");
        Assert.Same(adopted, _second.Acquire(_lab.Inner, _lab.Ifindex, XdpMode.Auto, needFrags: true));
        KernelIds ids = KernelIds.Of(adopted);
        Assert.True(_second.Release(adopted));
        ids.AssertGone();
    }

    [Fact]
    public void Adopt_LinkDescriptorKeepsTheProgramAttachedInBetween()
    {
        InterfaceProgram program = Acquire(needFrags: false);
        (_, FileDescriptor[] kept) = Keep(program);

        _first.Dispose();
        Assert.Equal(program.ProgramId, PresentId());

        Array.ForEach(kept, fd => fd.Dispose());
        Await.Until(() => PresentId() == 0, "the program to leave with the last descriptor");
    }

    [Fact]
    public void Adopt_LifeEndedInTheMiddleOfTheChangeToFrags_FinishesIt()
    {
        InterfaceProgram program = Acquire(needFrags: false);
        (byte[] metadata, FileDescriptor[] kept) = Keep(program);
        Acquire(needFrags: true);
        uint untold = program.ProgramId;
        _first.Dispose();

        InterfaceProgram adopted = _second.Adopt(metadata, kept);

        Assert.True(adopted.Frags);
        Assert.NotEqual(untold, adopted.ProgramId);
        Assert.Equal(adopted.ProgramId, PresentId());
    }

    [Fact]
    public void Adopt_DeviceDeletedInBetween_IsRefused()
    {
        (byte[] metadata, FileDescriptor[] kept) = Keep(Acquire(needFrags: false));
        _first.Dispose();
        _lab.Inside($"link del {VethLab.Device}");

        var refusal = Assert.Throws<AdoptionException>(() => _second.Adopt(metadata, kept));

        Assert.Contains("gone", refusal.Message, StringComparison.Ordinal);
        Assert.All(kept, fd => Assert.True(fd.IsClosed));
        Assert.Empty(_second.All);
    }

    [Fact]
    public void Adopt_AnotherDeviceUnderTheSameIndex_IsRefused()
    {
        (byte[] metadata, FileDescriptor[] kept) = Keep(Acquire(needFrags: false));
        _first.Dispose();
        _lab.Inside($"link del {VethLab.Device}");
        _lab.Inside($"link add {VethLab.Device} index {_lab.Ifindex} type veth peer name other");

        Assert.Throws<AdoptionException>(() => _second.Adopt(metadata, kept));
    }

    [Fact]
    public void DetachUnused_NobodyCameBack_DetachesThose()
    {
        (byte[] metadata, FileDescriptor[] kept) = Keep(Acquire(needFrags: false));
        _first.Dispose();
        InterfaceProgram adopted = _second.Adopt(metadata, kept);

        var forgotten = new List<(InterfaceProgram Program, uint Present)>();
        _second.DetachUnused(unused => forgotten.Add((unused, PresentId())));

        Assert.Equal((adopted, adopted.ProgramId), Assert.Single(forgotten));
        Assert.Equal(0u, PresentId());
        Assert.Empty(_second.All);
    }

    public static TheoryData<string, byte[]> DamagedMetadata()
    {
        StoredInterfaceProgram good = new()
        {
            Version = 1,
            Ifindex = 2,
            Mode = XdpMode.Native,
            Attachment = ProgramAttachment.Link,
            ProgramId = 1,
            QueueCountMax = 1,
        };
        var cases = new TheoryData<string, byte[]> { { "not a message", [0xff, 0xff, 0xff] }, { "empty", [] } };
        Add("version", m => m.Version = 2);
        Add("ifindex 0", m => m.Ifindex = 0);
        Add("ifindex negative", m => m.Ifindex = 0x8000_0000);
        Add("mode", m => m.Mode = XdpMode.Auto);
        Add("attachment", m => m.Attachment = ProgramAttachment.Unspecified);
        Add("no queues", m => m.QueueCountMax = 0);
        Add("too many queues", m => m.QueueCountMax = RedirectObject.QueueCountMax + 1);
        Add("descriptor count", m => m.Attachment = ProgramAttachment.Netlink);
        Add("program id", m => m.ProgramId = uint.MaxValue);
        Add("queue count", m => m.QueueCountMax = 999);
        return cases;

        void Add(string what, Action<StoredInterfaceProgram> damage)
        {
            StoredInterfaceProgram damaged = good.Clone();
            damage(damaged);
            cases.Add(what, damaged.ToByteArray());
        }
    }

    [Theory]
    [MemberData(nameof(DamagedMetadata))]
    public void Adopt_DamagedMetadata_IsRefusedAndClosesTheDescriptors(string what, byte[] metadata)
    {
        (_, FileDescriptor[] kept) = Keep(Acquire(needFrags: false));

        var refusal = Assert.Throws<AdoptionException>(() => _second.Adopt(metadata, kept));

        Assert.True(refusal.Message.Length > 0, what);
        Assert.All(kept, fd => Assert.True(fd.IsClosed));
    }

    [Fact]
    public void Adopt_DescriptorsInWrongOrder_IsRefused()
    {
        (byte[] metadata, FileDescriptor[] kept) = Keep(Acquire(needFrags: false));
        Array.Reverse(kept);

        Assert.Throws<AdoptionException>(() => _second.Adopt(metadata, kept));
        Assert.All(kept, fd => Assert.True(fd.IsClosed));
    }

    private static (byte[] Metadata, FileDescriptor[] Kept) Keep(InterfaceProgram program)
    {
        (byte[] metadata, FileDescriptor[] descriptors) = program.Describe();
        return (metadata, [.. descriptors.Select(fd => fd.Duplicate())]);
    }

    private InterfaceProgram Acquire(bool needFrags) =>
        _first.Acquire(_lab.Inner, _lab.Ifindex, XdpMode.Auto, needFrags);

    private uint PresentId() =>
        _lab.Inner.Run(() => XdpAttachment.QueryProgramId(_lab.Ifindex, Linux.XdpMode.Auto));
}
