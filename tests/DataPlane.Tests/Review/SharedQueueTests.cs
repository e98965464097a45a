using System.Net.Sockets;
using Nf.DataPlane.Control;
using Nf.DataPlane.Tests.Xdp;
using Nf.Internal.V1;
using Nf.V1;

namespace Nf.DataPlane.Tests.Review;

/// <summary>Several sockets on one queue: one pool, one end.</summary>
[Trait("Tier", "kernel")]
public sealed class SharedQueueTests
{
    [Fact]
    public void Bind_SecondSocketWithOtherRings_IsRefused()
    {
        using var lab = VethLab.Create();
        using var store = new MemoryStore();
        using var life = new ReviewLife(store);
        life.CreateUmem("u", 512);
        life.Bound(lab, "a", "u");

        Reply rings = life.Bind(lab, "b", "u", ring: 128);
        Reply frames = life.Bind(lab, "b", "u", scatterGather: true);

        Assert.Equal("INVALID_SPEC", rings.Fault?.Reason);
        Assert.Contains("rings.fill, rings.completion", rings.Fault!.Message, StringComparison.Ordinal);
        Assert.Contains("scatter_gather", frames.Fault?.Message, StringComparison.Ordinal);
        Assert.Equal("", life.Resources.Umem("u").Audit().Fault);
    }

    [Fact]
    public void Device_DeletedUnderThreeSockets_AllAreLostAndTheChunksComeBackOnce()
    {
        using var lab = VethLab.Create();
        using var store = new MemoryStore();
        using var life = new ReviewLife(store);
        UmemResource umem = life.CreateUmem("u", 512);
        XskResource[] sockets = [.. new[] { "a", "b", "c" }.Select(name => life.Bound(lab, name, "u"))];

        lab.Inside($"link del {VethLab.Device}");
        life.Commands.Devices.Recheck(sockets[0].NetworkIdentity);

        Assert.All(sockets, socket => Assert.Equal(XskState.DeviceLost, socket.State));
        Assert.Equal(512u, umem.Memory.Pool.Count);
        Assert.Equal(0u, umem.Memory.PoolCount);
        Assert.Equal("", umem.Audit().Fault);
    }

    [Fact]
    public void Unbind_OwnerOfAGoneDevice_LeavesTheOtherWithMappedRings()
    {
        using var lab = VethLab.Create();
        using var store = new MemoryStore();
        using var life = new ReviewLife(store);
        UmemResource umem = life.CreateUmem("u", 512);
        life.Bound(lab, "a", "u");
        XskResource other = life.Bound(lab, "b", "u");

        lab.Inside($"link del {VethLab.Device}");
        life.Do(new Internal.V1.Command { UnbindXskSocket = new UnbindXskSocket { Name = "a" } });
        umem.Worker.RunOnce();
        Assert.Equal("", umem.Audit().Fault);
        life.Commands.Devices.Recheck(other.NetworkIdentity);

        Assert.Equal(XskState.DeviceLost, other.State);
        Assert.Equal(512u, umem.Memory.Pool.Count);
    }

    [Fact]
    public void Adopt_LifeEndedBeforeTheHeirWasPutInTheMap_HeirReceives()
    {
        using var lab = VethLab.Create();
        using var store = new MemoryStore();
        var first = new ReviewLife(store);
        first.CreateUmem("u", 512);
        first.Bound(lab, "a", "u");
        first.Bound(lab, "b", "u");

        // Unbinding "a" forgets it first; the life ends right there, and its socket with it.
        store.Drop(ResourceStore.XskPrefix + "a");
        first.Dispose();
        using var second = new ReviewLife(store, first);
        IReadOnlyList<string> faults = second.Adopt(store.HandOver());
        using Socket sender = lab.ConnectOutside(9);
        for (int i = 0; i < 10; i++)
        {
            sender.Send(new byte[100]);
        }

        XskResource heir = second.Resources.Socket("b");
        Assert.True(SpinWait.SpinUntil(
            () =>
            {
                heir.Umem.Worker.RunOnce();
                return heir.Port!.Traffic.RxPackets == 10;
            },
            TimeSpan.FromSeconds(5)));
        Assert.Empty(faults);
        Assert.Equal("", heir.Umem.Audit().Fault);
    }
}
