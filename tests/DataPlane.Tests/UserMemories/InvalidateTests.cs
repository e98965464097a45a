using Nf.DataPlane.UserMemories;
using Nf.Linux;

namespace Nf.DataPlane.Tests.UserMemories;

/// <summary>A client takes memory away: users are out of it before its call returns (rows 11, 15, 16, 29 to 34).
/// </summary>
[Collection(MemoryRig.Collection)]
[Trait("Tier", "kernel")]
public sealed class InvalidateTests
{
    private const ulong Page = MemoryClient.Page;

    /// <summary>Everything that takes memory out of an address space, with the range in place of {0} and {1}.</summary>
    public static TheoryData<string> Ways => new(
        "munmap {0} {1}",
        "map {1} 0 1 {0}", // MAP_FIXED over it
        "map {1} 0 0 {0}",
        "madvise {0} {1} 4", // MADV_DONTNEED
        "madvise {0} {1} 9", // MADV_REMOVE
        "move {0} {1} 0x600000000000");

    [Theory]
    [MemberData(nameof(Ways))]
    public void Client_TakesMemoryAway_WaitsUntilTheDeviceStopped(string way)
    {
        using var rig = new MemoryRig();
        MemoryClient client = rig.Start();
        ClientMemory memory = client.MakeFile(16);
        UserMemory made = client.CreateActive(memory);
        client.Do("forget 1");
        var user = new FakeUser { OnLetGo = _ => Thread.SpinWait(1_000_000) };
        made.AddUser(user);

        client.Begin(string.Format(null, way, memory.Address, memory.Size));
        rig.Pump(() => user.Stops == 1, "the device to be stopped");
        ClientReply reply = client.Finish();

        Assert.Equal(Errno.None, reply.Errno);
        Assert.True(reply.End > user.StoppedAt, $"returned {user.StoppedAt - reply.End} ns before the device stopped");
        Assert.Equal(UserMemoryState.Invalidated, made.State);
        Assert.Equal((0, 0, 1), (made.UserCount, made.Client.ActiveCount, made.References));
        Assert.Equal(0, MemoryRig.Mappings);
        Assert.Equal(0UL, rig.Registry.Counts.InvalidatedLate);
        Assert.Equal(UserMemoryState.Invalidated, rig.States[^1]);
    }

    [Fact]
    public void Client_TakesMemoryAway_IsBlockedWhileNobodyListens()
    {
        // The broken twin of the test above: without a control thread the call does not return.
        using var rig = new MemoryRig();
        MemoryClient client = rig.Start();
        ClientMemory memory = client.MakeFile(16);
        client.CreateActive(memory);
        client.Begin($"munmap {memory.Address} {memory.Size}");
        Assert.Null(Waited(client));
        Assert.Equal(Errno.None, client.Finish().Errno);
    }

    [Fact]
    public void Munmap_IdleMemory_IsNotHeldUp()
    {
        using var rig = new MemoryRig();
        MemoryClient client = rig.Start();
        ClientMemory memory = client.MakeFile(16);
        UserMemory made = client.Create(memory);
        client.Do($"munmap {memory.Address} {memory.Size}");
        Assert.Equal(UserMemoryState.Registered, made.State);
        Assert.Equal(0UL, rig.Registry.Counts.Invalidated);
        Assert.Empty(rig.States);
    }

    [Fact]
    public void Munmap_WhileAcquiring_CancelsTheWorker()
    {
        using var rig = new MemoryRig();
        MemoryClient client = rig.Start();
        ClientMemory memory = client.MakeFile(8192);
        UserMemory made = client.Create(memory);
        int told = 0;
        made.Acquire();
        made.WhenAcquired(_ => told++);
        client.Begin($"munmap {memory.Address} {memory.Size}");
        rig.Pump(() => made.State != UserMemoryState.Acquiring || made.Failure != Errno.None, "the end of it");
        client.Finish();
        rig.Settle();
        Assert.Equal(1, told);
        Assert.NotEqual(UserMemoryState.Active, made.State);
        Assert.Equal((0, 0, 0UL), (MemoryRig.Mappings, made.Client.ActiveCount, rig.Registry.Counts.ActiveBytes));
    }

    /// <summary>Ranges in pages around an object of pages 4 to 7, and whether they concern it.</summary>
    [Theory]
    [InlineData(0, 4, false)] // before
    [InlineData(8, 4, false)] // after
    [InlineData(4, 4, true)] // exact
    [InlineData(2, 3, true)] // its start
    [InlineData(7, 3, true)] // its end
    [InlineData(5, 2, true)] // inside
    [InlineData(0, 16, true)] // all around
    public void Invalidate_Overlap_HitsInclusiveEndsOnly(ulong first, ulong count, bool isHit)
    {
        using var rig = new MemoryRig();
        MemoryClient client = rig.Start();
        ClientMemory memory = client.MakeFile(16);
        UserMemory made = client.Create(MemoryClient.Part(memory, 4, 4), offset: 4 * Page);
        rig.Acquire(made);
        Assert.Equal(
            Errno.None,
            made.Client.Invalidate(memory.Address + (first * Page), memory.Address + ((first + count) * Page)));
        Assert.Equal(isHit ? UserMemoryState.Invalidated : UserMemoryState.Active, made.State);

        // A byte less than touching it.
        rig.Acquire(made);
        made.Client.Invalidate(memory.Address, made.Address);
        Assert.Equal(UserMemoryState.Active, made.State);
        made.Client.Invalidate(memory.Address, made.Address + 1);
        Assert.Equal(UserMemoryState.Invalidated, made.State);
    }

    /// <summary>Regions of their own: an event of one is none of its neighbours' business.</summary>
    [Fact]
    public void Munmap_Neighbours_KeepTheirPages()
    {
        using var rig = new MemoryRig();
        MemoryClient client = rig.Start();
        ClientMemory whole = client.MakeFile(12, isWatched: false);
        UserMemory[] made = [.. new ulong[] { 0, 4, 8 }.Select(first =>
        {
            client.Watch(MemoryClient.Part(whole, first, 4));
            return client.Create(MemoryClient.Part(whole, first, 4), offset: first * Page);
        })];
        Assert.All(made, memory => Assert.True(rig.Acquire(memory).IsActive));
        ClientMemory middle = MemoryClient.Part(whole, 4, 4);
        client.Do($"munmap {middle.Address} {middle.Size}");
        Assert.Equal(
            [UserMemoryState.Active, UserMemoryState.Invalidated, UserMemoryState.Active],
            made.Select(memory => memory.State));
    }

    /// <summary>Overlapping and nested objects of one userfaultfd, by several descriptors of it: all are out before the
    /// message is taken.</summary>
    [Fact]
    public void Munmap_NestedObjects_AllLetGoBeforeItReturns()
    {
        using var rig = new MemoryRig();
        MemoryClient client = rig.Start();
        ClientMemory memory = client.MakeFile(16);
        (ulong First, ulong Count)[] parts = [(0, 16), (2, 4), (3, 10), (15, 1), (0, 1)];
        var users = new List<FakeUser>();
        foreach ((ulong first, ulong count) in parts)
        {
            UserMemory made = client.Create(MemoryClient.Part(memory, first, count), offset: first * Page);
            rig.Acquire(made);
            users.Add(new FakeUser());
            made.AddUser(users[^1]);
        }

        // The last page is in two of them only; what tells cannot know before the message is taken.
        ClientReply reply = client.Ask($"munmap {memory.Address + (15 * Page)} {Page}");
        Assert.All(users, user => Assert.InRange(user.StoppedAt, 1, reply.End));
        Assert.Equal(0UL, rig.Registry.Counts.InvalidatedLate);
        client.Do($"munmap {memory.Address} {15 * Page}");
        client.HangUp();
        rig.AssertNothingLeft();
    }

    /// <summary>Two objects that do not touch, and one userfaultfd: whichever listens first must not let the client go
    /// before the other has let go.</summary>
    [Theory]
    [InlineData(0)]
    [InlineData(8)]
    public void Munmap_ObjectsApartOfOneSource_BothLetGoBeforeItReturns(ulong first)
    {
        using var rig = new MemoryRig();
        MemoryClient client = rig.Start();
        ClientMemory memory = client.MakeFile(16);
        var users = new List<FakeUser>();
        foreach (ulong at in (ulong[])[first, 8 - first])
        {
            UserMemory made = client.Create(MemoryClient.Part(memory, at, 4), offset: at * Page);
            rig.Acquire(made);
            users.Add(new FakeUser());
            made.AddUser(users[^1]);
        }

        ClientReply reply = client.Ask($"munmap {memory.Address} {memory.Size}");
        Assert.All(users, user => Assert.InRange(user.StoppedAt, 1, reply.End));
        Assert.Equal(0UL, rig.Registry.Counts.InvalidatedLate);
    }

    [Fact]
    public void Invalidate_MayNotWait_Eagain()
    {
        using var rig = new MemoryRig();
        MemoryClient client = rig.Start();
        UserMemory made = client.CreateActive(client.MakeFile(16));
        var user = new FakeUser();
        made.AddUser(user);
        ulong end = made.Address + made.Size;
        Assert.Equal(Errno.EAGAIN, made.Client.Invalidate(made.Address, end, mayWait: false));
        Assert.Equal((UserMemoryState.Active, 0), (made.State, user.Stops));
        Assert.Equal(Errno.None, made.Client.Invalidate(end, end + Page, mayWait: false));
        Assert.Equal(Errno.None, made.Client.Invalidate(made.Address, end));
        Assert.Equal(Errno.None, made.Client.Invalidate(made.Address, end, mayWait: false));
    }

    [Fact]
    public void Invalidate_ObjectBeingDestroyed_IsSkipped()
    {
        using var rig = new MemoryRig();
        MemoryClient client = rig.Start();
        ClientMemory memory = client.MakeFile(16);
        UserMemory dying = client.CreateActive(memory);
        UserMemory alive = client.CreateActive(memory);
        var node = new IntervalTree<UserMemory>.Node(dying.Address, dying.Address + dying.Size - 1, dying);
        client.Table.Close(1);
        Assert.Equal(0, dying.References);

        // As if it were still to be taken out.
        alive.Client.SetActive(node, isActive: true);
        Assert.Equal(Errno.None, alive.Client.Invalidate(memory.Address, memory.Address + memory.Size));
        Assert.Equal(UserMemoryState.Invalidated, alive.State);
        Assert.Equal(0, dying.References);
        alive.Client.SetActive(node, isActive: false);
    }

    [Fact]
    public void Invalidate_DeviceThatCannotBeStopped_ErrorIsToldAndPagesStayUntilItCan()
    {
        using var rig = new MemoryRig();
        MemoryClient client = rig.Start();
        ClientMemory memory = client.MakeFile(16);
        UserMemory made = client.CreateActive(memory);
        var user = new FakeUser { Refusal = Errno.EIO };
        made.AddUser(user);
        Assert.Equal(Errno.EIO, made.Client.Invalidate(made.Address, made.Address + made.Size));
        Assert.Equal((UserMemoryState.Active, 1), (made.State, MemoryRig.Mappings));

        // The client's call cannot fail; it goes on, and the pages stay.
        client.Do($"munmap {memory.Address} {memory.Size}");
        Assert.True(made.MustLetGo);
        user.Refusal = Errno.None;
        rig.Registry.Tick();
        Assert.Equal((UserMemoryState.Invalidated, 1), (made.State, user.Stops));
        Assert.Equal(0, MemoryRig.Mappings);
        Assert.InRange(rig.Registry.Counts.LetGoFailed, 2UL, 3UL);
    }

    [Fact]
    public void Invalidate_UsersComeAndGoMeanwhile_SearchStartsAgainAndEnds()
    {
        using var rig = new MemoryRig();
        MemoryClient client = rig.Start();
        ClientMemory memory = client.MakeFile(16);
        UserMemory first = client.CreateActive(memory);
        UserMemory second = client.CreateActive(memory);
        var answers = new List<AcquireAnswer>();
        var user = new FakeUser
        {
            OnLetGo = letGo =>
            {
                // Closes another one that the search has not reached, and wants a third.
                client.Table.Close(2);
                answers.Add(first.Acquire());
            },
        };
        first.AddUser(user);
        Assert.Equal(Errno.None, first.Client.Invalidate(memory.Address, memory.Address + memory.Size));
        Assert.Equal((0, 0), (second.References, first.Client.ActiveCount));

        // Itself it was still active then; now, in the middle of another one, it is refused.
        Assert.True(Assert.Single(answers).IsActive);
        UserMemory third = client.CreateActive(memory);
        third.AddUser(new FakeUser { OnLetGo = _ => answers.Add(first.Acquire()) });
        third.Client.Invalidate(memory.Address, memory.Address + memory.Size);
        Assert.True(answers[1].IsAgain);
        Assert.Equal(UserMemoryState.Invalidated, first.State);
    }

    [Fact]
    public void Invalidate_SomebodyAlwaysAddsAnother_EndsWithEloop()
    {
        using var rig = new MemoryRig();
        MemoryClient client = rig.Start();
        ClientMemory memory = client.MakeFile(1);
        UserMemory made = client.Create(memory);

        // Past the refusal to acquire: a range that is always there.
        var node = new IntervalTree<UserMemory>.Node(memory.Address, memory.Address + Page - 1, made);
        made.Client.SetActive(node, isActive: true);
        Assert.Equal(Errno.ELOOP, made.Client.Invalidate(memory.Address, memory.Address + Page));
        made.Client.SetActive(node, isActive: false);
        Assert.Equal(1, made.References);
    }

    [Fact]
    public void Acquire_AfterInvalidation_FetchesWhatIsThereNow()
    {
        using var rig = new MemoryRig();
        MemoryClient client = rig.Start();
        ClientMemory memory = client.MakeFile(16);
        UserMemory made = client.CreateActive(memory);
        client.Do($"fill {memory.Address} {memory.Size} 3");
        for (int cycle = 0; cycle < 20; cycle++)
        {
            client.Do($"munmap {memory.Address} {memory.Size}");
            Assert.Equal(UserMemoryState.Invalidated, made.State);

            // Nothing there now: what was stored as failed stays so until released.
            Assert.Equal(Errno.EFAULT, rig.Acquire(made).Errno);
            made.Release();
            client.Do($"map {memory.Size} 0 0 {memory.Address}");
            client.Do($"watch {memory.Address} {memory.Size} 2");
            Assert.True(rig.Acquire(made).IsActive);
            Assert.Equal(3 + cycle, FirstByte(made));
            client.Do($"fill {memory.Address} {memory.Size} {4 + cycle}");
        }

        Assert.Equal(1, MemoryRig.Mappings);
    }

    [Fact]
    public void Madvise_MemoryOfDesignB_IsTrackedByItsAddress()
    {
        using var rig = new MemoryRig();
        MemoryClient client = rig.Start(user: 12345);
        ClientMemory memory = client.MakeAnonymous(16);
        UserMemory made = client.CreateActive(memory, pass: 2);
        Assert.Null(made.Mapping);
        var user = new FakeUser();
        made.AddUser(user);
        ClientReply reply = client.Ask($"madvise {memory.Address + Page} {Page} 4");
        Assert.InRange(user.StoppedAt, 1, reply.End);
        Assert.Equal(UserMemoryState.Invalidated, made.State);
        Assert.True(rig.Acquire(made).IsActive);
    }

    [Fact]
    public void Memory_Mlocked_IsAcquiredAndLetGoLikeAnyOther()
    {
        using var rig = new MemoryRig();
        MemoryClient client = rig.Start();
        ClientMemory memory = client.MakeFile(16);
        client.Do($"lock {memory.Address} {memory.Size}");
        UserMemory made = client.CreateActive(memory);
        client.Do($"protect {memory.Address} {memory.Size} 1");
        Assert.Equal(UserMemoryState.Active, made.State);
        client.Do($"lock {memory.Address} {memory.Size} 1");
        client.Do($"munmap {memory.Address} {memory.Size}");
        Assert.Equal(UserMemoryState.Invalidated, made.State);
    }

    // Looks for an answer for a while without turning the control thread.
    private static ClientReply? Waited(MemoryClient client)
    {
        using var never = new ManualResetEventSlim();
        never.Wait(100);
        return client.TryFinish();
    }

    // SAFETY: the mapping is live.
    private static unsafe byte FirstByte(UserMemory memory) => *memory.Mapping!.Base;
}
