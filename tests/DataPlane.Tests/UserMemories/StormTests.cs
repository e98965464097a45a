using Nf.DataPlane.UserMemories;
using Nf.Linux;

namespace Nf.DataPlane.Tests.UserMemories;

/// <summary>Many at once, and ends at every moment: nothing is left, nobody waits for ever.</summary>
[Collection(MemoryRig.Collection)]
[Trait("Tier", "kernel")]
public sealed class StormTests
{
    private const ulong Page = MemoryClient.Page;

    [Fact]
    public void Objects_CreatedAndDestroyedInAStorm_NothingIsLeft()
    {
        using var rig = new MemoryRig();
        MemoryClient[] clients = [rig.Start(), rig.Start(user: 12345), rig.Start()];
        ClientMemory[] memories = [.. clients.Select(client => client.MakeFile(32))];
        var random = new Random(7);
        var live = new List<(MemoryClient Client, uint Handle)>();
        for (int i = 0; i < 1500; i++)
        {
            int which = random.Next(clients.Length);
            ulong first = (ulong)random.Next(31);
            ClientMemory part = MemoryClient.Part(memories[which], first, 1 + (ulong)random.Next((int)(32 - first)));
            uint handle = clients[which].Table.Create(
                new UserMemoryRequest(part.Address, part.Size, UserMemoryFlags.None, first * Page),
                clients[which].Pass(3));
            live.Add((clients[which], handle));
            if (random.Next(2) == 0)
            {
                clients[which].Table.Find(handle).Acquire();
            }

            while (live.Count > random.Next(40))
            {
                (MemoryClient client, uint gone) = live[random.Next(live.Count)];
                live.Remove((client, gone));
                client.Table.Close(gone);
            }

            rig.Turn();
        }

        Array.ForEach(clients, client => client.HangUp());
        rig.AssertNothingLeft();
    }

    /// <summary>A client that maps, unmaps and drops its memory all the time, while it is acquired, used and closed.
    /// </summary>
    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    public void Memory_ChurnedWhileItIsUsed_EveryStopComesInTimeAndNobodyHangs(int seed)
    {
        using var rig = new MemoryRig();
        MemoryClient client = rig.Start();
        ClientMemory memory = client.MakeFile(32);
        var random = new Random(seed);
        uint handle = Create();
        int used = 0;
        int stopped = 0;
        client.Begin($"churn {memory.Address} {memory.Size} 1500 {seed} 0 600");
        ClientReply? reply;
        while ((reply = client.TryFinish()) is null)
        {
            UserMemory made = client.Table.Find(handle);
            AcquireAnswer answer = made.Acquire();
            if (answer.IsActive && made.UserCount == 0)
            {
                made.AddUser(new FakeUser { OnLetGo = _ => stopped++ });
                used++;
            }
            else if (!answer.IsActive && !answer.IsAgain)
            {
                Assert.Equal(Errno.EFAULT, answer.Errno);
                made.Release();
            }

            if (random.Next(50) == 0)
            {
                // With a user in it, or in the middle of being fetched.
                uint next = CreateOf(client, memory, made);
                client.Table.Close(handle);
                handle = next;
            }

            rig.Turn();
        }

        Assert.Equal(Errno.None, reply.Errno);
        Assert.True(used > 100, $"used {used} times only");
        Assert.InRange(used - stopped, 0, 40);
        client.Do($"munmap {memory.Address} {memory.Size}");
        Assert.Equal(used, stopped);
        client.HangUp();
        rig.AssertNothingLeft();

        uint Create() => client.Table.Create(
            new UserMemoryRequest(memory.Address, memory.Size, UserMemoryFlags.None), client.Pass(3));
    }

    /// <summary>Killed at any moment of anything; NF_MEMORY_KILLS says how often.</summary>
    [Fact]
    public void Client_KilledAtRandomPoints_EverythingReturnsToTheStart()
    {
        using var rig = new MemoryRig();
        int kills = int.TryParse(Environment.GetEnvironmentVariable("NF_MEMORY_KILLS"), out int told) ? told : 60;
        var random = new Random(11);
        for (int round = 0; round < kills; round++)
        {
            MemoryClient client = rig.Start();
            ClientMemory memory = client.MakeFile(512);
            UserMemory made = client.Create(memory);
            client.Begin($"churn {memory.Address} {memory.Size} 100000 {round} 0 600");
            int turns = random.Next(200);
            for (int i = 0; i < turns; i++)
            {
                AcquireAnswer answer = made.Acquire();
                if (answer.IsActive && made.UserCount == 0)
                {
                    made.AddUser(new FakeUser());
                }
                else if (made.Failure != Errno.None)
                {
                    made.Release();
                }

                rig.Turn();
            }

            client.Kill();
            if (round % 2 == 0)
            {
                rig.Pump(() => !made.IsHeld, "the pages to be let go");
            }

            client.HangUp();
            rig.Pump(() => made.References == 0, "the object to end");
            rig.AssertNothingLeft();
        }
    }

    [Fact]
    public void Munmap_ActiveMemoryOf64MiB_IsFast()
    {
        using var rig = new MemoryRig();
        MemoryClient client = rig.Start();
        ClientMemory memory = client.MakeFile(16_384);
        UserMemory made = client.Create(memory);
        var times = new List<double>();
        for (int i = 0; i < 20; i++)
        {
            Assert.True(rig.Acquire(made).IsActive);
            made.AddUser(new FakeUser());
            ClientReply reply = client.Ask($"munmap {memory.Address} {memory.Size}");
            times.Add((reply.End - reply.Start) / 1e6);
            client.Do($"map {memory.Size} 0 0 {memory.Address}");
            client.Do($"watch {memory.Address} {memory.Size} 2");
        }

        // The aim is 5 ms at the 99th percentile on a quiet machine; here it is only kept from growing by orders.
        times.Sort();
        Assert.True(times[10] < 100, $"median {times[10]:f1} ms, longest {times[^1]:f1} ms");
        Console.WriteLine($"munmap of 64 MiB: median {times[10]:f2} ms, longest {times[^1]:f2} ms");
    }

    // The descriptors come from the object before: its client has no time to send others.
    private static uint CreateOf(MemoryClient client, ClientMemory memory, UserMemory before) => client.Table.Create(
        new UserMemoryRequest(memory.Address, memory.Size, UserMemoryFlags.None),
        new UserMemoryDescriptors
        {
            File = before.File!.Duplicate(),
            Userfault = before.Source!.Descriptor.Duplicate(),
        });
}
