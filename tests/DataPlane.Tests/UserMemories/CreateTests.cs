using Nf.DataPlane.Faults;
using Nf.DataPlane.UserMemories;
using Nf.Linux;

namespace Nf.DataPlane.Tests.UserMemories;

/// <summary>What a request is refused for, in the order of the seed and under its names (rows 1 to 9, 12, 13, 38 of
/// docs/user-memory.md).</summary>
[Collection(MemoryRig.Collection)]
[Trait("Tier", "kernel")]
public sealed class CreateTests
{
    private const ulong Page = MemoryClient.Page;
    private const uint Unknown = 0x2;

    [Fact]
    public void Create_KernelWithoutAfXdp_Enodev()
    {
        using var rig = new MemoryRig(support: new UserMemorySupport("no AF_XDP", null));
        Assert.Equal(Errno.ENODEV, Refused(rig, new UserMemoryRequest(0, 0, (UserMemoryFlags)Unknown)));
        rig.AssertNothingLeft();
    }

    [Fact]
    public void Create_UnknownFlags_EinvalBeforeAnythingElse()
    {
        using var rig = new MemoryRig();
        Assert.Equal(Errno.EINVAL, Refused(rig, new UserMemoryRequest(1, ulong.MaxValue, (UserMemoryFlags)Unknown)));
        rig.AssertNothingLeft();
    }

    [Theory]
    [InlineData(((ulong)int.MaxValue + 1) * Page)]
    [InlineData(ulong.MaxValue)]
    [InlineData((1UL << 30) + Page)]
    public void Create_TooManyPages_E2big(ulong size)
    {
        using var rig = new MemoryRig(new UserMemoryLimits { ObjectBytesMax = 1 << 30 });
        Assert.Equal(Errno.E2BIG, Refused(rig, new UserMemoryRequest(1, size, UserMemoryFlags.None)));
        rig.AssertNothingLeft();
    }

    [Fact]
    public void Create_SizeZero_Einval()
    {
        using var rig = new MemoryRig();
        Assert.Equal(Errno.EINVAL, Refused(rig, new UserMemoryRequest(Page, 0, UserMemoryFlags.None)));
    }

    [Theory]
    [InlineData(Page + 1, Page, 0)]
    [InlineData(Page, Page + 1, 0)]
    [InlineData(Page, Page, 8)]
    public void Create_NotPageAligned_Einval(ulong address, ulong size, ulong offset)
    {
        using var rig = new MemoryRig();
        Assert.Equal(Errno.EINVAL, Refused(rig, new UserMemoryRequest(address, size, UserMemoryFlags.None, offset)));
    }

    [Theory]
    [InlineData(ulong.MaxValue - Page + 1, Page)]
    [InlineData(0xffff_8000_0000_0000, Page)]
    public void Create_AddressOfNoProcess_Efault(ulong address, ulong size)
    {
        using var rig = new MemoryRig();
        Assert.Equal(Errno.EFAULT, Refused(rig, new UserMemoryRequest(address, size, UserMemoryFlags.None)));
    }

    [Theory]
    [InlineData(0, 5)]
    [InlineData(3, 2)]
    [InlineData(4, 1)]
    [InlineData(0x000f_ffff_ffff_ffff, 1)]
    public void Create_RangeBeyondItsFile_Efault(ulong offsetPages, ulong pages)
    {
        using var rig = new MemoryRig();
        Assert.Equal(Errno.EFAULT, Refused(rig, new UserMemoryRequest(
            Page, pages * Page, UserMemoryFlags.None, offsetPages * Page)));
        rig.AssertNothingLeft();
    }

    [Fact]
    public void Create_ReadOnlyWhereEverythingWrites_Enodev()
    {
        using var rig = new MemoryRig(new UserMemoryLimits { IsReadOnlySupported = false });
        MemoryClient client = rig.Start();
        ClientMemory memory = client.MakeFile(4);
        Assert.Equal(Errno.ENODEV, Refused(() => client.Create(memory, UserMemoryFlags.ReadOnly)));

        // And with all else in order it is accepted.
        client.Create(memory);
    }

    [Fact]
    public void Create_UnmappedMemory_IsAcceptedAndFailsAtFirstUse()
    {
        using var rig = new MemoryRig();
        MemoryClient client = rig.Start();
        ClientMemory memory = client.MakeFile(4);
        UserMemory elsewhere = client.Create(memory with { Address = 0x1000 });
        UserMemory forbidden = client.Create(memory);
        Assert.Equal(UserMemoryState.Registered, elsewhere.State);
        Assert.Equal(Errno.EFAULT, rig.Acquire(elsewhere).Errno);
        Assert.True(rig.Acquire(forbidden).IsActive);
    }

    [Fact]
    public void Create_Memory_TouchesNoPage()
    {
        using var rig = new MemoryRig();
        MemoryClient client = rig.Start();
        ClientMemory memory = client.MakeFile(64);
        UserMemoryDescriptors descriptors = client.Pass(3);
        using FileDescriptor file = descriptors.File!.Duplicate();
        uint handle = client.Table.Create(
            new UserMemoryRequest(memory.Address, memory.Size, UserMemoryFlags.None), descriptors);
        Assert.Equal(0, Resident(file, memory));
        Assert.True(rig.Acquire(client.Table.Find(handle)).IsActive);
        Assert.Equal(64, Resident(file, memory));
    }

    [Fact]
    public void Create_UnsynchronizedWithoutPrivileges_Eperm()
    {
        using var rig = new MemoryRig();
        MemoryClient plain = rig.Start(user: 12345);
        MemoryClient privileged = rig.Start();
        ClientMemory memory = plain.MakeFile(4);
        Assert.Equal(Errno.EPERM, Refused(() => plain.Create(memory, UserMemoryFlags.Unsynchronized)));
        plain.CreateActive(memory);
        ClientMemory other = privileged.MakeFile(4, isWatched: false);
        Assert.False(privileged.CreateActive(other, UserMemoryFlags.Unsynchronized, pass: 1).IsTracked);
    }

    [Fact]
    public void Create_NothingToTrackBy_EnodevUnlessUnsynchronized()
    {
        using var rig = new MemoryRig();
        MemoryClient client = rig.Start();
        ClientMemory memory = client.MakeFile(4);
        Assert.Equal(Errno.ENODEV, Refused(() => client.Create(memory, pass: 1)));
        client.Do("userfault 0x40");
        Assert.Equal(Errno.ENODEV, Refused(() => client.Create(memory)));
        client.Create(memory, UserMemoryFlags.Unsynchronized, pass: 1);
    }

    [Fact]
    public void Create_KernelWithoutUserfaultfd_EnodevAndEpermAsWithoutNotifiers()
    {
        UserMemorySupport support = UserMemorySupport.Probe() with { TrackingRefusal = "none" };
        using var rig = new MemoryRig(support: support);
        MemoryClient plain = rig.Start(user: 12345);
        MemoryClient privileged = rig.Start();
        ClientMemory memory = plain.MakeFile(4);
        ClientMemory other = privileged.MakeFile(4);
        Assert.Equal(Errno.ENODEV, Refused(() => plain.Create(memory)));
        Assert.Equal(Errno.EPERM, Refused(() => plain.Create(memory, UserMemoryFlags.Unsynchronized)));
        Assert.Equal(Errno.ENODEV, Refused(() => privileged.Create(other)));
        privileged.Create(other, UserMemoryFlags.Unsynchronized, pass: 1);
    }

    [Theory]
    [InlineData(8)]
    [InlineData(16)]
    public void Create_NotOrdinaryMemory_Efault(int what)
    {
        using var rig = new MemoryRig();
        MemoryClient client = rig.Start();
        ClientMemory memory = client.MakeFile(4);
        client.Do("ring");
        var descriptors = new UserMemoryDescriptors
        {
            File = client.Ask($"pass {what}").Descriptors[0],
            Userfault = client.Ask("pass 2").Descriptors[0],
        };
        Assert.Equal(Errno.EFAULT, Refused(() => client.Table.Create(
            new UserMemoryRequest(memory.Address, memory.Size, UserMemoryFlags.None), descriptors)));
        rig.Settle();
        Assert.Equal(0, MemoryRig.OpenDescriptors);
    }

    [Fact]
    public void Acquire_MappingOfASocketsRing_Efault()
    {
        // The kernel itself would take it, and the ring would be packet memory of itself.
        using var rig = new MemoryRig();
        MemoryClient client = rig.Start();
        client.Do("ring");
        var ring = new ClientMemory((ulong)client.Do($"map {2 * Page} 0 2"), 2 * Page);
        client.Do($"userfault {MemoryClient.Features}");
        Assert.Equal(Errno.EINVAL, client.Ask($"watch {ring.Address} {ring.Size} 2").Errno);
        UserMemory memory = client.Create(ring, pass: 2);
        Assert.Equal(Errno.EFAULT, rig.Acquire(memory).Errno);
    }

    [Theory]
    [InlineData(0)]
    [InlineData(2)]
    [InlineData(4)]
    public void Create_FileThatMayShrinkOrGrow_Eperm(int seals)
    {
        using var rig = new MemoryRig();
        MemoryClient client = rig.Start();
        client.Do($"file {4 * Page}");
        client.Do($"call 3 {seals}");
        var memory = new ClientMemory((ulong)client.Do($"map {4 * Page} 0 0"), 4 * Page);
        client.Watch(memory);
        Assert.Equal(Errno.EPERM, Refused(() => client.Create(memory)));
        client.Do("call 3 6");
        client.Create(memory);
    }

    private static unsafe int Resident(FileDescriptor file, ClientMemory memory)
    {
        using MappedMemory mapping = MappedMemory.Map(file, 0, (long)memory.Size, MapAccess.Read);
        return (int)mapping.ResidentPages(0, mapping.Length);
    }

    // With a file of four pages and all that is needed.
    private static Errno Refused(MemoryRig rig, UserMemoryRequest request)
    {
        MemoryClient client = rig.Start();
        client.MakeFile(4);
        UserMemoryDescriptors descriptors = client.Pass(3);
        return Refused(() => client.Table.Create(request, descriptors));
    }

    private static Errno Refused(Action create) => Assert.Throws<CommandFaultException>(create).Errno;

    private static Errno Refused<T>(Func<T> create) => Refused(() => { create(); });
}
