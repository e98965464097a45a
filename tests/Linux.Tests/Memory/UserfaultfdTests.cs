using Nf.Linux.Tests.Support;

namespace Nf.Linux.Tests.Memory;

/// <summary>A userfaultfd that tells of invalidations only.</summary>
public unsafe class UserfaultfdTests
{
    private const int Page = 4096;

    private const UserfaultFeatures Watching = UserfaultFeatures.Invalidations
        | UserfaultFeatures.WriteProtectShmem | UserfaultFeatures.WriteProtectUnpopulated
        | UserfaultFeatures.WriteProtectAsync;

    [Fact]
    public void Parse_AnyBytes_GivesAMessageWhoseRangeDoesNotWrap()
    {
        var random = new Random(5);
        byte[] bytes = new byte[UserfaultMessage.Bytes];
        for (int i = 0; i < 100_000; i++)
        {
            random.NextBytes(bytes);
            bytes[0] = (byte)(i % 3 == 0 ? random.Next(256) : 0x11 + random.Next(7));
            UserfaultMessage message = UserfaultMessage.Parse(bytes);
            Assert.True(message.Start <= message.End);
            Assert.Equal(bytes[0] == 0x13, message.Event == UserfaultEvent.Fork);
            Assert.True(message.Event == UserfaultEvent.Fork || message.ChildNumber == -1);
        }
    }

    [Theory]
    [InlineData("", UserfaultFeatures.None)]
    [InlineData("API:\taa:0:8\n", UserfaultFeatures.None)]
    [InlineData("pos:\t0\nAPI:\taa:4c:800001ff\n", UserfaultFeatures.Invalidations)]
    [InlineData("API:\taa\nAPI:\taa:zz:0\nAPI:x", UserfaultFeatures.None)]
    public void ParseFeatures_OpenFileInfo_FindsThem(string info, UserfaultFeatures expected) =>
        Assert.Equal(expected, Userfaultfd.ParseFeatures(info));

    [Theory]
    [InlineData("", -1)]
    [InlineData("pos:\t0\nPid:\t17\nNSpid:\t17\n", 17)]
    [InlineData("Pid:\t-1", -1)]
    [InlineData("Pid:\tx\nNSpid:\t3", -1)]
    public void ParsePid_OpenFileInfo_FindsIt(string info, int expected) =>
        Assert.Equal(expected, PidFd.ParsePid(info));

    [KernelFact]
    public void PidFd_OfThisProcess_KnowsItsNumberAndIdentity()
    {
        using PidFd first = PidFd.Open(Environment.ProcessId);
        using PidFd second = PidFd.Open(Environment.ProcessId);
        Assert.Equal(Environment.ProcessId, first.Pid);
        Assert.Equal(first.Identity, second.Identity);
    }

    [KernelFact]
    public void Adopt_OtherDescriptors_AreRefusedAndItsOwnKeepsItsFeatures()
    {
        using EventFd other = EventFd.Create();
        Assert.Throws<ArgumentException>(() => Userfaultfd.Adopt(other.Descriptor));
        using Userfaultfd made = Userfaultfd.Create(Watching);
        Assert.Equal(Watching, Userfaultfd.Adopt(made.Descriptor).Features);
        Assert.True(Userfaultfd.IsSupported);
    }

    [KernelTheory]
    [InlineData(UserfaultMode.WriteProtect)]
    [InlineData(UserfaultMode.Minor)]
    [InlineData(UserfaultMode.Missing)]
    public void CheckRegistered_EachMode_TellsWhatIsWatchedAndChangesNothing(UserfaultMode mode)
    {
        using FileDescriptor file = MemFile.Create("uffd-test", 8 * Page, new MemFileOptions());
        using MappedMemory memory = MappedMemory.Map(file, 0, 8 * Page, MapAccess.ReadWrite);
        using Userfaultfd watcher = Userfaultfd.Create(
            Watching | UserfaultFeatures.MinorShmem | UserfaultFeatures.MissingShmem);
        ulong start = (ulong)memory.Address;
        memory.AsSpan(2 * Page, 1)[0] = 9;
        Assert.Equal(Errno.ENOENT, watcher.CheckRegistered(start, 8 * Page, Page));
        watcher.Register(start, 4 * Page, mode);
        Assert.Equal(Errno.None, watcher.CheckRegistered(start, 4 * Page, Page));
        Assert.Equal(Errno.None, watcher.CheckRegistered(start + (2 * Page), Page, Page));
        Assert.Equal(Errno.ENOENT, watcher.CheckRegistered(start + (4 * Page), Page, Page));
        Assert.Equal(Errno.ENOENT, watcher.CheckRegistered(start + (2 * Page), 4 * Page, Page));
        Assert.Equal(Errno.None, watcher.Unregister(start, 4 * Page));
        Assert.Equal(Errno.ENOENT, watcher.CheckRegistered(start, Page, Page));
        Assert.Equal(9, memory.AsSpan(2 * Page, 1)[0]);
    }

    [KernelTheory]
    [InlineData(UserfaultMode.Minor)]
    [InlineData(UserfaultMode.Missing)]
    public void Answer_PageFault_LetsItGoOn(UserfaultMode mode)
    {
        using FileDescriptor file = MemFile.Create("uffd-test", 2 * Page, new MemFileOptions());
        using MappedMemory memory = MappedMemory.Map(file, 0, 2 * Page, MapAccess.ReadWrite);
        using Userfaultfd watcher = Userfaultfd.Create(
            UserfaultFeatures.Invalidations | UserfaultFeatures.MinorShmem | UserfaultFeatures.MissingShmem);
        if (mode == UserfaultMode.Minor)
        {
            file.WriteAt([7], Page);
        }

        watcher.Register((ulong)memory.Address, 2 * Page, mode);
        int seen = -1;
        var reader = new Thread(() => seen = memory.AsSpan(Page, 1)[0]);
        reader.Start();
        UserfaultMessage fault = default;
        try
        {
            Wait.Until(() => watcher.TryRead(out fault), "the fault");
            Assert.Equal(UserfaultEvent.PageFault, fault.Event);
            watcher.Answer(fault);
            Assert.True(reader.Join(TimeSpan.FromSeconds(10)));
            Assert.Equal(mode == UserfaultMode.Minor ? 7 : 0, seen);
        }
        finally
        {
            // Which lets the reader go on, before its memory goes.
            watcher.Dispose();
            reader.Join();
        }
    }

    [KernelFact]
    public void TryRead_Munmap_HoldsItUpUntilTheMessageIsTaken()
    {
        using FileDescriptor file = MemFile.Create("uffd-test", 4 * Page, new MemFileOptions());
        MappedMemory memory = MappedMemory.Map(file, 0, 4 * Page, MapAccess.ReadWrite);
        using Userfaultfd watcher = Userfaultfd.Create(Watching);
        ulong start = (ulong)memory.Address;
        watcher.Register(start, 4 * Page, UserfaultMode.WriteProtect);
        Assert.False(watcher.TryRead(out _));
        Assert.Equal(EpollEvents.None, watcher.Poll());
        var unmap = new Thread(memory.Dispose);
        unmap.Start();
        Wait.Until(() => watcher.Poll() == EpollEvents.In, "the message");
        Assert.False(unmap.Join(50));
        Assert.Equal(Errno.EAGAIN, watcher.CheckRegistered(start, Page, Page));
        Assert.True(watcher.TryRead(out UserfaultMessage message));
        Assert.Equal((UserfaultEvent.Unmap, start, start + (4 * Page)), (message.Event, message.Start, message.End));
        Assert.True(unmap.Join(TimeSpan.FromSeconds(10)));
    }

    [KernelFact]
    public void Poll_MadeBlocking_IsAnErrorAndReadingStillNeverWaits()
    {
        using Userfaultfd watcher = Userfaultfd.Create(Watching);
        watcher.Descriptor.SetNonBlocking(false);
        Assert.Equal(EpollEvents.Error, watcher.Poll());
        Assert.False(watcher.TryRead(out _));
    }

    [KernelFact]
    public void ResidentPages_FileWithHoles_CountsWhatItHas()
    {
        using FileDescriptor file = MemFile.Create("mincore-test", 10_000L * Page, new MemFileOptions());
        using MappedMemory memory = MappedMemory.Map(file, 0, 10_000L * Page, MapAccess.ReadWrite);
        Assert.Equal(0, memory.ResidentPages(0, memory.Length));
        memory.PopulatePart(5000L * Page, 3 * Page, MapAccess.ReadWrite);
        Assert.Equal(3, memory.ResidentPages(0, memory.Length));
        Assert.Equal(1, memory.ResidentPages(5002L * Page, 40 * Page));
        Assert.Throws<ArgumentOutOfRangeException>(() => memory.ResidentPages(Page, memory.Length));
    }

    [KernelFact]
    public void Duplicate_FileSealedAgainstNewMappings_IsASecondMappingAllTheSame()
    {
        using FileDescriptor file = MemFile.Create("seal-test", 4 * Page, new MemFileOptions());
        using MappedMemory first = MappedMemory.Map(file, 0, 4 * Page, MapAccess.ReadWrite);
        MemFile.AddSeals(file, MemFileSeals.FutureWrite);
        Assert.Throws<LinuxException>(() => MappedMemory.Map(file, 0, 4 * Page, MapAccess.ReadWrite));
        using MappedMemory second = first.Duplicate();
        second.AsSpan(100, 1)[0] = 3;
        Assert.Equal(3, first.AsSpan(100, 1)[0]);
    }

    [Fact]
    public void IsUserRange_Edges_AreWhereTheMachineHasThem()
    {
        Assert.True(AddressSpace.IsUserRange(0, AddressSpace.UserEnd));
        Assert.False(AddressSpace.IsUserRange(Page, AddressSpace.UserEnd));
        Assert.False(AddressSpace.IsUserRange(ulong.MaxValue, 2));
        Assert.False(AddressSpace.IsUserRange(2, ulong.MaxValue));
        int local = 0;
        Assert.True(AddressSpace.IsUserRange((ulong)&local, 4));
    }

    [KernelFact]
    public void MemoryPressure_QuietMachine_IsNotReadable()
    {
        using MemoryPressure pressure = MemoryPressure.Watch(TimeSpan.FromMilliseconds(1900));
        using var epoll = new Epoll();
        epoll.Add(pressure.Descriptor, EpollEvents.In, 1);
        pressure.Take();
        Assert.Equal(0, epoll.Wait(new EpollEvent[1], 20));
    }
}
