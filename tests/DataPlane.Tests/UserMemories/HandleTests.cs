using Nf.DataPlane.Faults;
using Nf.DataPlane.UserMemories;
using Nf.Linux;

namespace Nf.DataPlane.Tests.UserMemories;

/// <summary>Handles, and what is left when they go (rows 14, 35, 36, 41).</summary>
[Collection(MemoryRig.Collection)]
[Trait("Tier", "kernel")]
public sealed class HandleTests
{
    private const ulong Page = MemoryClient.Page;

    [Fact]
    public void Create_Handles_LowestFreeNumberAboveZero()
    {
        using var rig = new MemoryRig(new UserMemoryLimits { HandlesMax = 4 });
        MemoryClient client = rig.Start();
        ClientMemory memory = client.MakeFile(4);
        Assert.Equal([1u, 2u, 3u], Enumerable.Range(0, 3).Select(_ => Create(client, memory)));
        client.Table.Close(1);
        client.Table.Close(2);
        Assert.Equal([1u, 2u, 4u], Enumerable.Range(0, 3).Select(_ => Create(client, memory)));
        Assert.Equal(Errno.EMFILE, Refused(() => Create(client, memory)));
        Assert.Equal(Errno.ENOENT, Refused(() => client.Table.Find(0)));
        Assert.Equal(Errno.ENOENT, Refused(() => client.Table.Close(5)));

        // Another connection has numbers of its own, and cannot name these.
        MemoryClient other = rig.Start();
        Assert.Equal(Errno.ENOENT, Refused(() => other.Table.Find(1)));
        Assert.Equal(1u, Create(other, other.MakeFile(4)));
    }

    [Fact]
    public void Create_Refused_NothingIsLeft()
    {
        using var rig = new MemoryRig(new UserMemoryLimits { ClientObjectsMax = 0 });
        MemoryClient client = rig.Start();
        ClientMemory memory = client.MakeFile(4);
        Assert.Equal(Errno.EMFILE, Refused(() => Create(client, memory)));
        rig.AssertNothingLeft();
    }

    [Fact]
    public void Close_MemoryInUse_LivesUntilItsLastUser()
    {
        using var rig = new MemoryRig();
        MemoryClient client = rig.Start();
        ClientMemory memory = client.MakeFile(16);
        UserMemory made = client.CreateActive(memory);
        var user = new FakeUser();
        made.AddUser(user);
        client.Table.Close(1);
        Assert.Equal((1, UserMemoryState.Active), (made.References, made.State));

        // Without a handle it is still its owner's memory.
        ClientReply reply = client.Ask($"munmap {memory.Address} {memory.Size}");
        Assert.InRange(user.StoppedAt, 1, reply.End);
        Assert.Equal(0, made.References);
        rig.AssertNothingLeft();
    }

    [Fact]
    public void Close_InsideLetGo_ObjectEndsAfterwards()
    {
        using var rig = new MemoryRig();
        MemoryClient client = rig.Start();
        ClientMemory memory = client.MakeFile(16);
        UserMemory made = client.CreateActive(memory);
        int references = 0;
        made.AddUser(new FakeUser
        {
            OnLetGo = letGo =>
            {
                client.Table.Close(1);
                references = letGo.References;
            },
        });
        client.Do($"munmap {memory.Address} {memory.Size}");
        Assert.Equal((2, 0), (references, made.References));
        rig.AssertNothingLeft();
    }

    [Fact]
    public void Close_ClientKeptItsUserfaultfd_MunmapWaitsForNobody()
    {
        // Our copy is not the last one: what was registered must be taken back, or the client waits for ever.
        using var rig = new MemoryRig();
        MemoryClient client = rig.Start();
        ClientMemory memory = client.MakeFile(16);
        client.CreateActive(memory);
        client.Table.Close(1);
        rig.Settle();
        client.Begin($"munmap {memory.Address} {memory.Size}");
        Assert.NotNull(Waited(client));
    }

    [Fact]
    public void Close_MunmapUnderWay_ClientGoesOn()
    {
        using var rig = new MemoryRig();
        MemoryClient client = rig.Start();
        ClientMemory memory = client.MakeFile(16);
        UserMemory made = client.CreateActive(memory);
        client.Begin($"munmap {memory.Address} {memory.Size}");
        while ((made.Source!.Poll() & EpollEvents.In) == 0)
        {
            Thread.Yield();
        }

        client.Table.Close(1);
        Assert.Equal(Errno.None, client.Finish().Errno);
        rig.AssertNothingLeft();
    }

    [Fact]
    public void Close_OneOfTwoOverlapping_TheOtherIsStillTracked()
    {
        using var rig = new MemoryRig();
        MemoryClient client = rig.Start();
        ClientMemory memory = client.MakeFile(16);
        UserMemory whole = client.Create(memory);
        UserMemory part = client.Create(MemoryClient.Part(memory, 4, 4), offset: 4 * Page);
        rig.Acquire(whole);
        Assert.True(rig.Acquire(part).IsActive);
        client.Table.Close(1);
        rig.Settle();

        // Of the rest nobody wants to know any more.
        client.Begin($"munmap {memory.Address} {4 * Page}");
        Assert.NotNull(Waited(client));
        Assert.Equal(UserMemoryState.Active, part.State);
        client.Do($"munmap {part.Address} {part.Size}");
        Assert.Equal(UserMemoryState.Invalidated, part.State);
    }

    [Fact]
    public void Client_MakesItsUserfaultfdBlocking_ControlThreadNeverWaits()
    {
        using var rig = new MemoryRig();
        MemoryClient client = rig.Start();
        ClientMemory memory = client.MakeFile(16);
        UserMemory made = client.CreateActive(memory);
        var user = new FakeUser();
        made.AddUser(user);
        client.Do("blocking 0");
        rig.Turn();
        ClientReply reply = client.Ask($"munmap {memory.Address} {memory.Size}");
        Assert.InRange(user.StoppedAt, 1, reply.End);
        client.Do("blocking 0");
        client.HangUp();
        rig.AssertNothingLeft();
    }

    [Fact]
    public void Export_TrackedMemory_ThirdPartySeesTheSamePages()
    {
        using var rig = new MemoryRig();
        MemoryClient client = rig.Start();
        ClientMemory memory = client.MakeFile(4);
        client.Do($"fill {memory.Address} {memory.Size} 0x17");
        UserMemory made = client.Create(memory);
        using (FileDescriptor exported = made.Export())
        using (MappedMemory mapping = MappedMemory.Map(exported, 0, (long)memory.Size, MapAccess.ReadWrite))
        {
            Assert.Equal(0x17, mapping.AsSpan(100, 1)[0]);
            mapping.AsSpan(0, 4096).Fill(0x18);
            Assert.Equal(0, client.Do($"look {memory.Address} {Page} 0x18"));
        }

        UserMemory readOnly = client.Create(memory, UserMemoryFlags.ReadOnly);
        using FileDescriptor forReading = readOnly.Export();
        Assert.Equal(Errno.EACCES, Assert.Throws<LinuxException>(
            () => MappedMemory.Map(forReading, 0, 4096, MapAccess.ReadWrite)).Errno);
    }

    [Fact]
    public void Export_UntrackedMemory_TrackingIsSwitchedOnOrItIsRefused()
    {
        using var rig = new MemoryRig();
        MemoryClient client = rig.Start();
        ClientMemory memory = client.MakeFile(4);
        UserMemory without = client.Create(memory, UserMemoryFlags.Unsynchronized, pass: 1);
        Assert.Equal(Errno.ENODEV, Refused(without.Export));
        UserMemory made = client.CreateActive(memory, UserMemoryFlags.Unsynchronized);
        Assert.Equal((false, 0), (made.IsTracked, made.Client.ActiveCount));
        client.Do($"madvise {memory.Address} {Page} 4");
        Assert.Equal(UserMemoryState.Active, made.State);
        made.Export().Dispose();
        Assert.Equal((true, 1), (made.IsTracked, made.Client.ActiveCount));
        client.Do($"munmap {memory.Address} {memory.Size}");
        Assert.Equal(UserMemoryState.Invalidated, made.State);

        UserMemory designB = client.Create(client.MakeAnonymous(4), pass: 2);
        Assert.Equal(Errno.EOPNOTSUPP, Refused(designB.Export));
        client.Kill();
        Assert.Equal(Errno.EFAULT, Refused(made.Export));
    }

    [Fact]
    public void Memory_SeveralUsers_OrderAmongThemIsTheirOwnBusiness()
    {
        // Nothing here stands between them: what one writes the other sees, without a call.
        using var rig = new MemoryRig();
        MemoryClient client = rig.Start();
        ClientMemory memory = client.MakeFile(4);
        UserMemory first = client.CreateActive(memory);
        UserMemory second = client.CreateActive(memory);
        Span(first)[5] = 77;
        Assert.Equal(77, Span(second)[5]);
        Assert.Equal(0, client.Do($"look {memory.Address + 5} 1 77"));
        client.Do($"fill {memory.Address + 6} 1 78");
        Assert.Equal(78, Span(first)[6]);
    }

    private static uint Create(MemoryClient client, ClientMemory memory) => client.Table.Create(
        new UserMemoryRequest(memory.Address, memory.Size, UserMemoryFlags.None), client.Pass(3));

    private static Errno Refused(Action create) => Assert.Throws<CommandFaultException>(create).Errno;

    private static Errno Refused<T>(Func<T> create) => Refused(() => { create(); });

    // Looks for an answer for a while without turning the control thread.
    private static ClientReply? Waited(MemoryClient client)
    {
        ClientReply? reply = null;
        for (var clock = System.Diagnostics.Stopwatch.StartNew(); reply is null && clock.ElapsedMilliseconds < 2000;)
        {
            Thread.Yield();
            reply = client.TryFinish();
        }

        return reply;
    }

    // SAFETY: the mapping is live.
    private static unsafe Span<byte> Span(UserMemory memory) => new(memory.Mapping!.Base, (int)memory.Size);
}
