using Nf.DataPlane.Control;
using Nf.DataPlane.Tests.Xdp;
using Nf.Linux;

namespace Nf.DataPlane.Tests.Review;

/// <summary>Both ends of a link are one worker's, at any moment.</summary>
[Trait("Tier", "kernel")]
public sealed class LinkGatheringTests
{
    [Fact]
    public void Create_EndsOfAnotherLinkMoveToo_NoLinkEverHasTwoWorkers()
    {
        using var lab = VethLab.Create(rxQueues: 4);
        using var store = new MemoryStore();
        var watching = new WatchingStore(store);
        using var life = new ReviewLife(watching);
        UmemResource far = life.CreateUmem("far", 256);
        UmemResource near = life.CreateUmem("near", 256);
        life.Bound(lab, "far", "far", 0);
        life.Bound(lab, "near", "near", 1);
        life.Bound(lab, "near-too", "near", 2);
        UmemResource elsewhere = life.CreateUmem("elsewhere", 256);
        foreach (int i in Enumerable.Range(0, 3))
        {
            life.Bound(lab, $"elsewhere{i}", "elsewhere", 3);
        }

        life.Link("first", "far", "near");
        Assert.Equal(far.Worker, near.Worker);
        Assert.NotEqual(far.Worker, elsewhere.Worker);

        int puts = 0;
        watching.OnPut = () =>
        {
            puts++;
            Assert.All(
                life.Resources.Links.Values,
                link => Assert.Single(link.Members.Select(member => member.Group.Worker).Distinct()));
        };
        life.Link("second", "near-too", "elsewhere0");

        Assert.NotEqual(0, puts);
        Assert.Equal(elsewhere.Worker, far.Worker);
        Assert.Equal(6, far.Worker.PortCount);
    }

    [Fact]
    public void Adopt_StoreNamesTwoWorkersForOneLink_OneIsUsed()
    {
        using var lab = VethLab.Create(rxQueues: 2);
        using var store = new MemoryStore();
        var first = new ReviewLife(store);
        foreach (int i in Enumerable.Range(0, 2))
        {
            first.CreateUmem($"u{i}", 256);
            first.Bound(lab, $"s{i}", $"u{i}", (uint)i);
        }

        first.Link("l", "s0", "s1");
        UmemResource moved = first.Resources.Umem("u0");
        Worker before = moved.Worker;
        moved.Worker = first.Workers.OfSlot((uint)before.Slot + 1);
        first.Resources.Store.Put(moved);
        moved.Worker = before;
        first.Dispose();

        using var second = new ReviewLife(store, first);
        Assert.Empty(second.Adopt(store.HandOver()));

        LinkResource link = second.Resources.Link("l");
        Assert.Single(link.Members.Select(member => member.Group.Worker).Distinct());
        Assert.Equal(2, link.Worker.PortCount);
    }

    private sealed class WatchingStore(MemoryStore store) : IKeeperStore
    {
        internal Action? OnPut { get; set; }

        public void Put(string key, ReadOnlySpan<byte> metadata, ReadOnlySpan<FileDescriptor> descriptors)
        {
            OnPut?.Invoke();
            store.Put(key, metadata, descriptors);
        }

        public void Drop(string key) => store.Drop(key);
    }
}
