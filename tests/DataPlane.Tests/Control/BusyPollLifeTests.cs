using Nf.DataPlane.Control;
using Nf.DataPlane.Tests.Review;
using Nf.DataPlane.Tests.Xdp;
using Nf.Internal.V1;
using Nf.Linux;
using Nf.SharedMemory.Store;
using Nf.V1;

namespace Nf.DataPlane.Tests.Control;

/// <summary>The settings of a device that busy polling changes are put back, whenever and however it ends.</summary>
[Collection(Alone.Name)]
[Trait("Tier", "kernel")]
public sealed class BusyPollLifeTests : IDisposable
{
    private const string Original = "3 70000";
    private const string Wished = "9 200000";

    private readonly VethLab _lab = VethLab.Create();

    public BusyPollLifeTests() => _lab.Inner.Run(() =>
    {
        using NetworkSysfs sysfs = NetworkSysfs.Open();
        sysfs.Write($"class/net/{VethLab.Device}/napi_defer_hard_irqs", "3");
        sysfs.Write($"class/net/{VethLab.Device}/gro_flush_timeout", "70000");
    });

    public void Dispose() => _lab.Dispose();

    [Fact]
    public void Unbind_LastSocket_PutsBackWhatWasThere()
    {
        using var keeper = new FakeKeeper();
        using var life = new ControlLife(keeper);
        life.CreateUmem("u");
        life.Bind("s", Spec());
        Assert.Equal(Wished, Settings());
        Assert.Contains(keeper.Keys, key => key.StartsWith("busy-poll/", StringComparison.Ordinal));

        life.Unbind("s");

        Assert.Equal(Original, Settings());
        Assert.DoesNotContain(keeper.Keys, key => key.StartsWith("busy-poll/", StringComparison.Ordinal));
    }

    [Fact]
    public void EndEverything_SocketsAreBound_PutsBackWhatWasThere()
    {
        using var keeper = new FakeKeeper();
        using var life = new ControlLife(keeper);
        life.CreateUmem("u");
        life.Bind("s", Spec());

        life.Commands.EndEverything();

        Assert.Equal(Original, Settings());
    }

    [Fact]
    public void Kill_BetweenLives_NextLifeKeepsTheWishAndPutsBackInTheEnd()
    {
        using var keeper = new FakeKeeper();
        var killed = new ControlLife(keeper);
        killed.CreateUmem("u");
        killed.Bind("s", Spec());
        killed.Freeze();

        using var next = new ControlLife(keeper, keeper.Snapshot());
        killed.Dispose();
        Assert.Empty(next.AdoptionFaults);
        Assert.Equal(Wished, Settings());
        next.Unbind("s");

        Assert.Equal(Original, Settings());
    }

    // Whenever the kill comes, the store has been told before anything was changed.
    [Fact]
    public void Kill_WhileASettingIsFirstChanged_NextLifePutsBackWhatWasThere()
    {
        using var store = new MemoryStore();
        string? settingsThen = null;
        IReadOnlyList<StoreEntry>? left = null;
        var killed = new ReviewLife(new WatchingStore(store)
        {
            AfterPut = key =>
            {
                if (settingsThen is null && key.StartsWith("busy-poll/", StringComparison.Ordinal))
                {
                    settingsThen = Settings();
                    left = store.HandOver();
                }
            },
        });
        killed.CreateUmem("u", 512);
        Reply reply = killed.Do(new Internal.V1.Command
        {
            BindXskSocket = new BindXskSocket { XskSocket = new XskSocket { Name = "s", Spec = Spec() } },
        });
        Assert.Null(reply.Fault);
        Assert.Equal((Original, Wished), (settingsThen, Settings()));
        killed.Dispose();

        using var next = new ReviewLife(store, killed);
        next.Adopt(left!);

        Assert.Equal(Original, Settings());
        Assert.Empty(next.Resources.BusyPoll.Devices);
        Assert.DoesNotContain(
            store.HandOver(), entry => entry.Key.StartsWith("busy-poll/", StringComparison.Ordinal));
    }

    private XskSocketSpec Spec() => new()
    {
        Umem = "u",
        Interface = VethLab.Device,
        NetworkNamespace = new V1.NetworkNamespace { Path = _lab.InnerPath },
        Rings = new RingSizes { Rx = 64, Tx = 64, Fill = 64, Completion = 64 },
        BusyPoll = new BusyPoll { TimeoutUs = 20, Budget = 64, DeferHardIrqs = 9, GroFlushTimeoutNs = 200_000 },
    };

    private string Settings() => _lab.Inner.Run(() =>
    {
        using NetworkSysfs sysfs = NetworkSysfs.Open();
        return $"{sysfs.TryRead($"class/net/{VethLab.Device}/napi_defer_hard_irqs")} "
            + $"{sysfs.TryRead($"class/net/{VethLab.Device}/gro_flush_timeout")}";
    });

    private sealed class WatchingStore(MemoryStore store) : IKeeperStore
    {
        internal required Action<string> AfterPut { get; init; }

        public void Put(string key, ReadOnlySpan<byte> metadata, ReadOnlySpan<FileDescriptor> descriptors)
        {
            store.Put(key, metadata, descriptors);
            AfterPut(key);
        }

        public void Drop(string key) => store.Drop(key);
    }
}
