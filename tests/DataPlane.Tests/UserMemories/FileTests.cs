using Nf.DataPlane.Faults;
using Nf.DataPlane.UserMemories;
using Nf.Linux;

namespace Nf.DataPlane.Tests.UserMemories;

/// <summary>What a client does to its file, and what is left in it (rows 6, 26 to 28, 37).</summary>
[Collection(MemoryRig.Collection)]
[Trait("Tier", "kernel")]
public sealed class FileTests
{
    private const ulong Page = MemoryClient.Page;
    private const int WriteSeal = 8;

    [Fact]
    public void Client_TruncatesItsFile_Eperm()
    {
        using var rig = new MemoryRig();
        MemoryClient client = rig.Start();
        UserMemory made = client.CreateActive(client.MakeFile(16));
        Assert.Equal(Errno.EPERM, client.Ask("call 0 4096").Errno);
        Assert.Equal(Errno.EPERM, client.Ask("call 0 1048576").Errno);
        Assert.Equal(UserMemoryState.Active, made.State);
    }

    [Fact]
    public void Client_PunchesAHoleWhereHolesAreSealed_EpermAndPagesComeBackAfterEachRelease()
    {
        using var rig = new MemoryRig(new UserMemoryLimits { SealsAgainstHoles = true });
        MemoryClient client = rig.Start();
        ClientMemory memory = client.MakeFile(16);
        UserMemory made = client.Create(memory);

        // Lazy: until it is mapped here the client may do as it likes.
        client.Do($"call 1 0 {Page}");
        Assert.True(rig.Acquire(made).IsActive);
        Assert.Equal(Errno.EPERM, client.Ask($"call 1 0 {Page}").Errno);
        Assert.Equal(Errno.EPERM, client.Ask("call 2 0 1").Errno);
        Assert.Equal(Errno.EPERM, client.Ask($"madvise {memory.Address} {Page} 9").Errno);
        client.Do($"fill {memory.Address} {memory.Size} 5");

        // No new mapping can be made, and yet it can be had again and again.
        for (int i = 0; i < 3; i++)
        {
            made.Release();
            Assert.True(rig.Acquire(made).IsActive);
            Assert.Equal(5, FirstByte(made));
        }

        // A cancelled attempt must not lose the one mapping that others are made from.
        made.Release();
        made.Acquire();
        made.Release();
        rig.Settle();
        Assert.True(rig.Acquire(made).IsActive);
        client.HangUp();
        rig.AssertNothingLeft();
    }

    [Fact]
    public void Client_PunchesAHoleInUsedMemory_UserIsStoppedAtTheNextLook()
    {
        using var rig = new MemoryRig();
        MemoryClient client = rig.Start();
        ClientMemory memory = client.MakeFile(16);
        UserMemory made = client.CreateActive(memory);
        var user = new FakeUser();
        made.AddUser(user);
        rig.Registry.Tick();
        Assert.Equal(0, user.Stops);

        // Nothing tells of it; until then the device works in pages that are nobody's.
        client.Do($"call 1 {3 * Page} {Page}");
        Assert.Equal(0, user.Stops);
        rig.Registry.Tick();
        Assert.Equal((1, UserMemoryState.Invalidated), (user.Stops, made.State));
        Assert.True(rig.Acquire(made).IsActive);
    }

    [Fact]
    public void Acquire_FileSealedAgainstWriting_EpermButForReadingItWorks()
    {
        using var rig = new MemoryRig();
        MemoryClient client = rig.Start();
        ClientMemory memory = client.MakeFile(16);
        client.Do($"fill {memory.Address} {memory.Size} 4");
        client.Do("call 3 16");
        UserMemory writing = client.Create(memory);
        Assert.Equal(Errno.EPERM, rig.Acquire(writing).Errno);
        UserMemory reading = client.CreateActive(memory, UserMemoryFlags.ReadOnly);
        Assert.Equal(4, FirstByte(reading));
    }

    [Fact]
    public void Release_WrittenMemory_StaysDirtyAndNothingOfItIsPinnedOrMapped()
    {
        using var rig = new MemoryRig();
        MemoryClient client = rig.Start();
        ClientMemory memory = client.MakeFile(16);
        UserMemory made = client.CreateActive(memory);
        var user = new FakeUser();
        made.AddUser(user);
        Span(made).Fill(0x33);
        made.RemoveUser(user);
        made.Release();

        Assert.Equal(memory.Size, rig.Registry.Counts.DirtiedBytes);
        Assert.Equal(0UL, rig.Registry.Counts.ActiveBytes);
        Assert.Equal(0, client.Do($"look {memory.Address} {memory.Size} 0x33"));

        // The kernel gives this seal only to a file that nobody maps for writing and no page of which is pinned.
        Assert.Equal(Errno.EBUSY, client.Ask($"call 3 {WriteSeal}").Errno);
        client.Do($"munmap {memory.Address} {memory.Size}");
        client.Do($"call 3 {WriteSeal}");
    }

    [Fact]
    public void Release_NeverUsedForWriting_CountsNothingAsDirty()
    {
        using var rig = new MemoryRig();
        MemoryClient client = rig.Start();
        UserMemory made = client.CreateActive(client.MakeFile(16));
        var reader = new FakeUser();
        made.AddUser(reader, writes: false);
        made.RemoveUser(reader);
        made.Release();
        Assert.Equal(0UL, rig.Registry.Counts.DirtiedBytes);
    }

    [Fact]
    public void ReadOnly_Memory_IsNeverWrittenToNorDirtied()
    {
        using var rig = new MemoryRig();
        MemoryClient client = rig.Start();
        ClientMemory memory = client.MakeFile(16);
        UserMemory made = client.CreateActive(memory, UserMemoryFlags.ReadOnly);
        Assert.Equal(
            Errno.ENODEV, Assert.Throws<CommandFaultException>(() => made.AddUser(new FakeUser())).Errno);
        made.AddUser(new FakeUser(), writes: false);
        Assert.False(IsMappedForWriting());
        made.Invalidate();
        Assert.Equal(0UL, rig.Registry.Counts.DirtiedBytes);

        UserMemory writing = client.CreateActive(memory);
        Assert.True(IsMappedForWriting());
        writing.Release();
    }

    [Fact]
    public void ReadOnly_Unsynchronized_BothRulesHold()
    {
        using var rig = new MemoryRig();
        MemoryClient client = rig.Start();
        ClientMemory memory = client.MakeFile(16, isWatched: false);
        UserMemory made = client.CreateActive(memory, UserMemoryFlags.Known, pass: 1);
        Assert.Equal((true, false), (made.IsReadOnly, made.IsTracked));
        client.Do($"munmap {memory.Address} {memory.Size}");
        Assert.Equal(UserMemoryState.Active, made.State);
        Assert.False(IsMappedForWriting());
    }

    [Fact]
    public void Release_WorkerInTheMiddle_IsNotWaitedForAndMayMissWhatItDirtied()
    {
        using var rig = new MemoryRig();
        MemoryClient client = rig.Start();
        UserMemory made = client.Create(client.MakeFile(32_768));
        made.Acquire();
        var clock = System.Diagnostics.Stopwatch.StartNew();
        made.Release();
        TimeSpan waited = clock.Elapsed;
        Assert.Equal(0UL, rig.Registry.Counts.DirtiedBytes);
        Assert.True(waited.TotalMilliseconds < 50, $"waited {waited.TotalMilliseconds} ms");
        rig.Settle();
        Assert.Equal(0, MemoryRig.Mappings);
    }

    private static bool IsMappedForWriting() => File.ReadLines("/proc/self/maps").Any(
        line => line.Contains("nf-client", StringComparison.Ordinal)
            && line.Contains(" rw-s", StringComparison.Ordinal));

    // SAFETY: the mapping is live.
    private static unsafe byte FirstByte(UserMemory memory) => *memory.Mapping!.Base;

    // SAFETY: the mapping is live.
    private static unsafe Span<byte> Span(UserMemory memory) => new(memory.Mapping!.Base, (int)memory.Size);
}
