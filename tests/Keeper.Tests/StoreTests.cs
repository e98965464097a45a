using Nf.Keeper.Tests.Support;
using Nf.Linux;

namespace Nf.Keeper.Tests;

public class StoreTests
{
    [Fact]
    public void Put_SameKeyAgain_ReplacesAndClosesTheOldDescriptors()
    {
        using var keeper = new KeeperProcess(["--no-spare"]);
        using FakeLifeHandle life = keeper.NextLife();
        life.WaitActive();
        int before = CountAfterFirstUse(keeper, life);
        using FileDescriptor first = MemFile.Create("first", 4096, default);
        using FileDescriptor second = MemFile.Create("second", 4096, default);
        Assert.Equal("ok", life.Ask("put key 01", first, first, first));
        Assert.Equal(before + 3, keeper.OpenFileCount);
        Assert.Equal("ok", life.Ask("put key 02", second));
        Assert.Equal(before + 1, keeper.OpenFileCount);
        life.Kill();
        using FakeLifeHandle next = keeper.NextLife();
        next.WaitActive();
        (byte[] metadata, List<FileDescriptor> descriptors) = next.Show("key");
        Assert.Equal([2], metadata);
        Assert.Equal(second.Identity, Assert.Single(descriptors).Identity);
    }

    [Fact]
    public void Drop_KnownAndUnknownKey_ClosesDescriptorsAndSucceeds()
    {
        using var keeper = new KeeperProcess(["--no-spare"]);
        using FakeLifeHandle life = keeper.NextLife();
        life.WaitActive();
        int before = CountAfterFirstUse(keeper, life);
        using FileDescriptor file = MemFile.Create("file", 4096, default);
        Assert.Equal("ok", life.Ask("put key 01", file, file));
        Assert.Equal("ok", life.Ask("drop key"));
        Assert.Equal("ok", life.Ask("drop never"));
        Assert.Equal(before, keeper.OpenFileCount);
    }

    [Fact]
    public void Put_EntryTooMany_IsRefusedAndOthersStay()
    {
        using var keeper = new KeeperProcess(["--no-spare"]);
        using FakeLifeHandle life = keeper.NextLife();
        life.WaitActive();
        for (int i = 0; i < DescriptorStore.EntryCountMax; i++)
        {
            Assert.Equal("ok", life.Ask($"put key{i} 00"));
        }

        using FileDescriptor file = MemFile.Create("file", 4096, default);
        int before = keeper.OpenFileCount;
        Assert.Contains("1024 entries, the limit is 1024", life.Ask("put more 00", file));
        Assert.Equal(before, keeper.OpenFileCount);
        Assert.Equal("ok", life.Ask("put key7 01", file));
    }

    [Fact]
    public void Put_DescriptorTooMany_IsRefused()
    {
        using FileDescriptor file = MemFile.Create("file", 4096, default);
        using var store = new DescriptorStore(openFilesMax: 64 + 20);
        FileDescriptor[] Copies(int count) => [.. Enumerable.Range(0, count).Select(_ => file.Duplicate())];

        Assert.Null(store.Put(new("a", [], Copies(16))));
        Assert.Null(store.Put(new("b", [], Copies(4))));
        Assert.Equal("the store would have 21 descriptors, the limit is 20", store.Put(new("c", [], Copies(1))));
        Assert.Null(store.Put(new("b", [], Copies(3))));
        Assert.Equal(19, store.DescriptorCount);
        store.Drop("a");
        Assert.Equal(3, store.DescriptorCount);
    }

    // The runtime opens a file or two the first time a path is taken.
    private static int CountAfterFirstUse(KeeperProcess keeper, FakeLifeHandle life)
    {
        using FileDescriptor file = MemFile.Create("first use", 4096, default);
        Assert.Equal("ok", life.Ask("put first 01", file));
        Assert.Equal("ok", life.Ask("drop first"));
        return keeper.OpenFileCount;
    }

    [Fact]
    public void Lives_ManyComeAndGo_KeeperLeaksNoDescriptorAndNoZombie()
    {
        using var keeper = new KeeperProcess(["--no-spare"]);
        using FileDescriptor file = MemFile.Create("file", 4096, default);
        int settled = 0;
        for (int i = 0; i < 6; i++)
        {
            using FakeLifeHandle life = keeper.NextLife();
            life.WaitActive();
            Assert.Equal("ok", life.Ask("put key 01", file));
            settled = i == 1 ? keeper.OpenFileCount : settled;
            if (i > 1)
            {
                Assert.Equal(settled, keeper.OpenFileCount);
                Assert.Single(File.ReadAllText($"/proc/{keeper.Pid}/task/{keeper.Pid}/children").Split(
                    ' ', StringSplitOptions.RemoveEmptyEntries));
            }

            life.Kill();
        }
    }
}
