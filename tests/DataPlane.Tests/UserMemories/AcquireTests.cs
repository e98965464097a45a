using Nf.DataPlane.Faults;
using Nf.DataPlane.Tests.Vhost.Memory;
using Nf.DataPlane.UserMemories;
using Nf.Linux;

namespace Nf.DataPlane.Tests.UserMemories;

/// <summary>Fetching pages on threads of their own (rows 8 and 16 to 25, 37, 39).</summary>
[Collection(MemoryRig.Collection)]
[Trait("Tier", "kernel")]
public sealed class AcquireTests
{
    private const ulong Page = MemoryClient.Page;

    [Fact]
    public void Acquire_ForeignMemory_IsAlwaysLeftToThePoolAndReadyAfterwards()
    {
        using var rig = new MemoryRig();
        MemoryClient client = rig.Start();
        ClientMemory memory = client.MakeFile(16);
        client.Do($"fill {memory.Address} {memory.Size} 7");
        UserMemory made = client.Create(memory);
        int told = 0;

        // Every page is there already, and yet.
        Assert.True(made.Acquire().IsAgain);
        Assert.Equal(UserMemoryState.Acquiring, made.State);
        Assert.True(made.Acquire().IsAgain);
        made.WhenAcquired(_ => told++);
        rig.Pump(() => told == 1, "the pages");
        Assert.True(made.Acquire().IsActive);
        Assert.Equal(7, FirstByte(made));
        made.WhenAcquired(_ => told++);
        Assert.Equal(2, told);
        Assert.Equal([UserMemoryState.Acquiring, UserMemoryState.Active], rig.States);
        Assert.Equal(1UL, rig.Registry.Counts.Acquired);
    }

    [Fact]
    public void Acquire_WhilePending_NodeIsActiveAndIdleRegionsAreNot()
    {
        using var rig = new MemoryRig();
        MemoryClient client = rig.Start();
        UserMemory made = client.Create(client.MakeFile(16));
        Assert.Equal(0, made.Client.ActiveCount);
        made.Acquire();
        Assert.Equal(1, made.Client.ActiveCount);
        rig.Acquire(made);
        Assert.Equal(1, made.Client.ActiveCount);
        made.Release();
        made.Release();
        Assert.Equal(0, made.Client.ActiveCount);
    }

    [Fact]
    public void Acquire_Failed_ErrorStaysUntilRelease()
    {
        using var rig = new MemoryRig();
        MemoryClient client = rig.Start();
        ClientMemory memory = client.MakeFile(16);
        UserMemory made = client.Create(memory);
        client.Do($"munmap {memory.Address} {memory.Size}");
        Assert.Equal(Errno.EFAULT, rig.Acquire(made).Errno);

        // The worker's error takes the range out of the tree again.
        Assert.Equal(0, made.Client.ActiveCount);
        Assert.Equal(UserMemoryState.Registered, made.State);

        // There again, but the error was stored.
        client.Do($"map {memory.Size} 0 0 {memory.Address}");
        client.Do($"watch {memory.Address} {memory.Size} 2");
        Assert.Equal(Errno.EFAULT, made.Acquire().Errno);
        Assert.Equal(Errno.EFAULT, made.Failure);
        Assert.Equal(1UL, rig.Registry.Counts.Failed);
        made.Release();
        Assert.True(rig.Acquire(made).IsActive);
    }

    [Fact]
    public void Acquire_Released_ResultIsThrownAwayAndNothingStaysPinned()
    {
        using var rig = new MemoryRig();
        MemoryClient client = rig.Start();
        ClientMemory memory = client.MakeFile(4096);
        UserMemory made = client.Create(memory);
        Assert.True(made.Acquire().IsAgain);
        made.Release();
        Assert.Equal(UserMemoryState.Registered, made.State);
        rig.Settle();
        Assert.Equal(1UL, rig.Registry.Counts.Discarded);
        Assert.Equal((0, 0UL), (MemoryRig.Mappings, rig.Registry.Counts.ActiveBytes));
        Assert.Null(made.Mapping);
    }

    [Fact]
    public void Acquire_Superseded_OnlyTheCurrentAttemptCounts()
    {
        using var rig = new MemoryRig();
        MemoryClient client = rig.Start();
        UserMemory made = client.Create(client.MakeFile(4096));
        for (int i = 0; i < 5; i++)
        {
            made.Acquire();
            made.Release();
        }

        Assert.True(made.Acquire().IsAgain);

        // The handle, and six attempts whose results nobody took yet.
        Assert.Equal(1 + 6, made.References);
        Assert.True(rig.Acquire(made).IsActive);
        rig.Settle();
        Assert.Equal((5UL, 1UL), (rig.Registry.Counts.Discarded, rig.Registry.Counts.Acquired));
        Assert.Equal((1, 1), (MemoryRig.Mappings, made.References));
    }

    [Fact]
    public void Close_WhileAcquiring_ObjectEndsOnlyAfterItsWorker()
    {
        using var rig = new MemoryRig();
        MemoryClient client = rig.Start();
        UserMemory made = client.Create(client.MakeFile(4096));
        made.Acquire();
        client.Table.Close(1);
        Assert.Equal(1, made.References);
        rig.AssertNothingLeft();
        Assert.Equal(0, made.References);
    }

    [Fact]
    public void Acquire_ClientGone_Efault()
    {
        using var rig = new MemoryRig();
        MemoryClient client = rig.Start();
        UserMemory seen = client.Create(client.MakeFile(16));
        UserMemory unseen = client.Create(client.MakeFile(16));
        client.Kill();
        Assert.Equal(Errno.EFAULT, seen.Acquire().Errno);

        // The worker looks for itself.
        var job = new AcquireJob(unseen, null);
        job.Run();
        Assert.Equal(Errno.EFAULT, job.Errno);
    }

    [Fact]
    public void Acquire_MoreThanTheMachineHas_Enomem()
    {
        using var rig = new MemoryRig(new UserMemoryLimits
        {
            ObjectBytesMax = 1UL << 42,
            ClientBytesMax = 1UL << 42,
        });
        MemoryClient client = rig.Start();
        UserMemory made = client.Create(client.MakeFile((1UL << 41) / Page));
        Assert.Equal(Errno.ENOMEM, rig.Acquire(made).Errno);
        Assert.Equal(0, MemoryRig.Mappings);
    }

    [Fact]
    public void Acquire_BeyondTheClientsShare_EnobufsUntilReleased()
    {
        using var rig = new MemoryRig(new UserMemoryLimits { ClientBytesMax = 24 * Page });
        MemoryClient client = rig.Start();
        UserMemory first = client.CreateActive(client.MakeFile(16));
        UserMemory second = client.Create(client.MakeFile(16));
        Assert.Equal(Errno.ENOBUFS, second.Acquire().Errno);
        first.Release();
        Assert.Equal(Errno.ENOBUFS, second.Acquire().Errno);
        second.Release();
        Assert.True(rig.Acquire(second).IsActive);
    }

    [Fact]
    public void Acquire_ManyAtOnce_RunsOnAFewThreadsOfItsOwn()
    {
        using var rig = new MemoryRig(new UserMemoryLimits { AcquireThreads = 3 });
        var made = new List<UserMemory>();
        for (int i = 0; i < 6; i++)
        {
            MemoryClient client = rig.Start();
            made.Add(client.Create(client.MakeFile(1024)));
            made.Add(client.Create(client.MakeFile(1024)));
        }

        made.ForEach(memory => memory.Acquire());
        Assert.InRange(rig.Registry.Pool.Threads, 1, 3);
        Assert.All(made, memory => Assert.True(rig.Acquire(memory).IsActive));
    }

    [Fact]
    public void ReleaseIdle_UnderPressure_IdleMemoryGoesAndUsedMemoryStays()
    {
        using var rig = new MemoryRig();
        MemoryClient client = rig.Start();
        UserMemory idle = client.CreateActive(client.MakeFile(16));
        UserMemory used = client.CreateActive(client.MakeFile(16));
        used.AddUser(new FakeUser());
        Assert.Equal(1, rig.Registry.ReleaseIdle());
        Assert.Equal((UserMemoryState.Invalidated, UserMemoryState.Active), (idle.State, used.State));
        Assert.Equal(1, MemoryRig.Mappings);
        Assert.True(rig.Acquire(idle).IsActive);
        Assert.Equal(1UL, rig.Registry.Counts.Reclaimed);
    }

    [Fact]
    public void Pressure_Quiet_IsWatchedAndWakesNobody()
    {
        using var rig = new MemoryRig(pressure: MemoryPressure.MachinePath);
        Assert.Equal("", rig.Registry.PressureRefusal);
        MemoryClient client = rig.Start();
        UserMemory idle = client.CreateActive(client.MakeFile(16));
        for (int i = 0; i < 20; i++)
        {
            rig.Turn();
        }

        Assert.Equal(UserMemoryState.Active, idle.State);
    }

    [Fact]
    public void Acquire_HugePages_AreUsedWhereThereAreAnyAndOrdinaryOnesOtherwise()
    {
        using var rig = new MemoryRig();
        MemoryClient client = rig.Start();
        UserMemory ordinary = client.CreateActive(client.MakeFile(1024));
        Assert.Equal(4096, ordinary.Mapping!.PageBytes);
        using var pool = new HugePagePool(2);
        if (!pool.IsFilled)
        {
            return;
        }

        ClientMemory memory = client.MakeFile(1024, isHuge: true);
        UserMemory huge = client.CreateActive(memory);
        Assert.Equal(2 << 20, huge.Mapping!.PageBytes);

        // Part of a huge page: mapped whole, but the object is where it should be.
        client.Do($"fill {memory.Address + Page} 1 9");
        UserMemory part = client.Create(MemoryClient.Part(memory, 1, 2), offset: Page);
        Assert.True(rig.Acquire(part).IsActive);
        Assert.Equal(9, FirstByte(part));
        client.HangUp();
        rig.AssertNothingLeft();
    }

    [Fact]
    public void AddUser_NotActive_Eagain()
    {
        using var rig = new MemoryRig();
        MemoryClient client = rig.Start();
        UserMemory made = client.Create(client.MakeFile(16));
        Assert.Equal(
            Errno.EAGAIN, Assert.Throws<CommandFaultException>(() => made.AddUser(new FakeUser())).Errno);
        rig.Acquire(made);
        var user = new FakeUser();
        made.AddUser(user);
        Assert.Equal(Errno.EBUSY, Assert.Throws<CommandFaultException>(made.Release).Errno);
        made.RemoveUser(user);
        made.RemoveUser(user);
        made.Release();
        Assert.Equal(1, made.References);
    }

    // SAFETY: the mapping is live.
    private static unsafe byte FirstByte(UserMemory memory) => *memory.Mapping!.Base;
}
