using System.Diagnostics;
using Nf.DataPlane.UserMemories;
using Nf.Linux;

namespace Nf.DataPlane.Tests.UserMemories;

/// <summary>A client's process: shared by its objects, ends, becomes another, forks (rows 10, 22, 40).</summary>
[Collection(MemoryRig.Collection)]
[Trait("Tier", "kernel")]
public sealed class ProcessTests
{
    [Fact]
    public void Client_SeveralConnectionsAndObjects_HaveOneRecord()
    {
        using var rig = new MemoryRig();
        MemoryClient client = rig.Start();
        UserMemory first = client.Create(client.MakeFile(4));
        UserMemory second = client.Create(client.MakeFile(4));

        // Another connection of the same process.
        using PidFd again = PidFd.Open(client.Peer.Pid);
        using var table = new UserMemoryTable(rig.Registry, client.Peer with { Process = again });
        ClientMemory memory = client.MakeFile(4);
        UserMemory third = table.Find(table.Create(
            new UserMemoryRequest(memory.Address, memory.Size, UserMemoryFlags.None), client.Pass(3)));
        Assert.Same(first.Client, second.Client);
        Assert.Same(first.Client, third.Client);
        Assert.Equal((3, 1), (first.Client.References, rig.Registry.ClientCount));

        MemoryClient other = rig.Start();
        Assert.NotSame(first.Client, other.Create(other.MakeFile(4)).Client);
        client.Table.Dispose();
        Assert.Equal((1, 2), (third.Client.References, rig.Registry.ClientCount));
    }

    [Fact]
    public void Records_ManyThreadsAtOnce_EachIsMadeOnceAndEndedOnce()
    {
        var records = new ClientRecords<int, Record>();
        int lost = 0;
        int ended = 0;
        int made = 0;
        Parallel.For(0, 8, _ =>
        {
            for (int i = 0; i < 20_000; i++)
            {
                int key = i % 3;
                Record record = records.Take(
                    key,
                    () =>
                    {
                        Interlocked.Increment(ref made);
                        return new Record();
                    },
                    _ => Interlocked.Increment(ref lost));
                Assert.True(record.References > 0);
                if (records.Drop(key, record))
                {
                    Interlocked.Increment(ref ended);
                    Assert.Equal(0, record.References);
                }
            }
        });
        Assert.Equal(0, records.Count);
        Assert.Equal(made, lost + ended);
    }

    [Fact]
    public void Create_PidfdOfSomebodyElse_Eperm()
    {
        using var rig = new MemoryRig();
        MemoryClient client = rig.Start();
        MemoryClient victim = rig.Start();
        ClientMemory memory = client.MakeFile(4);

        // As on a kernel whose sockets do not tell.
        using var table = new UserMemoryTable(rig.Registry, client.Peer with { Process = null });
        var request = new UserMemoryRequest(memory.Address, memory.Size, UserMemoryFlags.None);
        Assert.Equal(
            Errno.EPERM,
            Assert.Throws<Faults.CommandFaultException>(
                () => table.Create(request, client.Pass(7, victim.Peer.Pid))).Errno);
        UserMemory made = table.Find(table.Create(request, client.Pass(7)));
        Assert.True(rig.Acquire(made).IsActive);
        client.Kill();
        rig.Pump(() => made.State == UserMemoryState.Invalidated, "the end of the process to be seen");
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void Client_EndsInAnyWay_EverythingIsLetGo(bool isKilled)
    {
        using var rig = new MemoryRig();
        MemoryClient client = rig.Start();
        UserMemory tracked = client.CreateActive(client.MakeFile(16));
        UserMemory untracked = client.CreateActive(
            client.MakeFile(16, isWatched: false), UserMemoryFlags.Unsynchronized, pass: 1);
        var user = new FakeUser();
        tracked.AddUser(user);
        untracked.AddUser(user);
        if (isKilled)
        {
            client.Kill();
        }
        else
        {
            client.Begin("exit");
        }

        // Nothing is told by the userfaultfd: by the pidfd.
        rig.Pump(() => user.Stops == 2, "the users to be stopped");
        Assert.Equal((UserMemoryState.Invalidated, UserMemoryState.Invalidated), (tracked.State, untracked.State));
        Assert.Equal(Errno.EFAULT, tracked.Acquire().Errno);
        client.HangUp();
        rig.AssertNothingLeft();
    }

    [Fact]
    public void Client_KilledInsideMunmap_EverythingIsLetGo()
    {
        using var rig = new MemoryRig();
        MemoryClient client = rig.Start();
        ClientMemory memory = client.MakeFile(16);
        UserMemory made = client.CreateActive(memory);
        client.Begin($"munmap {memory.Address} {memory.Size}");
        rig.Pump(() => (made.Source!.Poll() & EpollEvents.In) != 0 || made.State != UserMemoryState.Active, "it");
        client.Kill();
        rig.Pump(() => made.State == UserMemoryState.Invalidated, "the pages to be let go");
        client.HangUp();
        rig.AssertNothingLeft();
    }

    [Theory]
    [InlineData(0)] // the connection closes with it
    [InlineData(1)] // and stays open
    public void Client_Execs_EverythingIsLetGo(int keepsConnection)
    {
        using var rig = new MemoryRig();
        MemoryClient client = rig.Start();
        UserMemory made = client.CreateActive(client.MakeFile(16));
        var user = new FakeUser();
        made.AddUser(user);
        client.Begin($"exec {keepsConnection}");
        if (keepsConnection == 1)
        {
            // The same process, another address space, and nothing tells: it is looked for.
            client.Ask("call 4");
            Assert.False(client.Peer.Process!.HasExited);
            Assert.Equal(0, user.Stops);
        }
        else
        {
            rig.Pump(() => HasHungUp(client), "the connection to end");
            client.HangUp();
        }

        rig.Registry.Tick();
        rig.Pump(() => user.Stops == 1, "the user to be stopped");
        Assert.Equal(UserMemoryState.Invalidated, made.State);
        if (keepsConnection == 1)
        {
            Assert.Equal(Errno.EFAULT, rig.Acquire(made).Errno);

            // It is a client like any other.
            Assert.True(client.CreateActive(client.MakeFile(4)).Client == made.Client);
        }

        client.HangUp();
        rig.AssertNothingLeft();
    }

    [Fact]
    public void Client_Forks_ParentKeepsItsPagesAndTheChildDisturbsNothing()
    {
        using var rig = new MemoryRig();
        MemoryClient client = rig.Start();
        ClientMemory memory = client.MakeFile(16);
        UserMemory made = client.CreateActive(memory);
        var user = new FakeUser();
        made.AddUser(user);

        // The child writes, which both see, because the file is shared; its own munmap concerns nobody.
        Assert.Equal(0, client.Do($"fork 1 {memory.Address} {memory.Size}"));
        Assert.Equal((UserMemoryState.Active, 0), (made.State, user.Stops));
        Assert.Equal(0, client.Do($"look {memory.Address} {memory.Size} 0x5a"));
        client.Do($"munmap {memory.Address} {memory.Size}");
        Assert.Equal(1, user.Stops);
    }

    [Fact]
    public void Client_ForksAndTellsOfIt_ChildsDescriptorIsClosed()
    {
        using var rig = new MemoryRig();
        MemoryClient client = rig.Start();
        ClientMemory memory = client.MakeFile(16, isWatched: false);
        client.Do($"userfault {MemoryClient.Features | 2} 1");
        client.Do($"watch {memory.Address} {memory.Size} 2");
        client.CreateActive(memory);
        Assert.Equal(0, client.Do($"fork 1 {memory.Address} {memory.Size}"));
        rig.Settle();

        // The file and the userfaultfd of the object, and no more.
        Assert.Equal(2, MemoryRig.OpenDescriptors);
    }

    [Fact]
    public void Client_DiesAndItsChildLivesOn_ChildInheritsNothing()
    {
        using var rig = new MemoryRig();
        MemoryClient client = rig.Start();
        UserMemory made = client.CreateActive(client.MakeFile(16));
        using var child = Process.GetProcessById((int)client.Do("fork 2"));
        client.Begin("exit");
        rig.Pump(() => made.State == UserMemoryState.Invalidated, "the pages to be let go");
        Assert.Equal(Errno.EFAULT, made.Acquire().Errno);
        child.Kill();
    }

    private static bool HasHungUp(MemoryClient client)
    {
        try
        {
            client.Begin("call 4");
            return false;
        }
        catch (LinuxException e) when (e.Errno is Errno.EPIPE or Errno.ECONNRESET)
        {
            return true;
        }
    }

    private sealed class Record : Counted;
}
