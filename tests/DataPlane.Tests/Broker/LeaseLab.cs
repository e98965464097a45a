using Nf.Client;
using Nf.DataPlane.Tests.Control;
using Nf.DataPlane.Tests.Ports;
using Nf.DataPlane.Tests.Xdp;

namespace Nf.DataPlane.Tests.Broker;

/// <summary>A broker, a veth pair, and clients that run on threads of their own while the test is the control thread.
/// </summary>
internal sealed class LeaseLab : IDisposable
{
    private readonly string _folder = Rig.NewFolder();
    private readonly List<XskLease> _leases = [];

    internal LeaseLab(string? policy = null)
    {
        Veth = VethLab.Create();
        if (policy is not null)
        {
            PolicyPath = Path.Combine(_folder, "policy.json");
            File.WriteAllText(PolicyPath, policy);
        }

        Life = NewLife();
    }

    internal VethLab Veth { get; }

    internal FakeKeeper Keeper { get; } = new();

    internal ControlLife Life { get; private set; }

    internal string? PolicyPath { get; }

    internal string BrokerPath => Path.Combine(_folder, "broker.sock");

    /// <summary>Options for the inner device.</summary>
    internal LeaseOptions Options => new()
    {
        Interface = VethLab.Device,
        Network = Veth.Inner,
        ChunkCount = 512,
        RxEntries = 128,
        TxEntries = 128,
    };

    /// <summary>Has a client thread do something, and serves it meanwhile.</summary>
    internal T Serve<T>(Func<T> action)
    {
        T result = default!;
        Life.Serve(() => { result = action(); });
        return result;
    }

    internal BrokerClient Connect(byte[]? token = null) => Serve(() => BrokerClient.Connect(BrokerPath, token));

    internal XskLease Lease(BrokerClient client, LeaseOptions? options = null) =>
        Keep(Serve(() => client.Lease(options ?? Options)));

    internal XskLease TakeUp(BrokerClient client, ulong id, byte[] secret) =>
        Keep(Serve(() => client.TakeUp(id, secret)));

    /// <summary>Gives a lease back.</summary>
    internal void Release(XskLease lease) => Life.Serve(lease.Dispose);

    /// <summary>What a request is refused with.</summary>
    internal BrokerException Refusal(BrokerClient client, LeaseOptions options) => Serve(() =>
        Assert.Throws<BrokerException>(() => client.Lease(options with { Patience = TimeSpan.Zero })));

    /// <summary>Waits for a state that the broker tells of.</summary>
    internal BrokerEvent Event(BrokerClient client, Func<BrokerEvent, bool> wanted)
    {
        BrokerEvent told = default;
        Life.Until(() => client.TryReadEvent(out told) && wanted(told), "an event of the broker");
        return told;
    }

    /// <summary>The life dies, and the next one takes over what the keeper has.</summary>
    internal void KillAndAdopt()
    {
        Life.Freeze();
        ControlLife dead = Life;
        Life = NewLife(Keeper.Snapshot());
        dead.Dispose();
    }

    /// <summary>Nothing of any lease is left here or with the keeper.</summary>
    internal void AssertNothingLeft()
    {
        Life.Until(() => Life.Broker.Leases.All.Count == 0, "the leases to end");
        Assert.DoesNotContain(Keeper.Keys, key => key.StartsWith("lease/", StringComparison.Ordinal));
        Assert.DoesNotContain(Keeper.Keys, key => key.StartsWith("xdp/", StringComparison.Ordinal));
        Assert.Empty(Life.Resources.Programs.All);
    }

    public void Dispose()
    {
        // Not given back: nobody would answer on the thread that does this.
        _leases.ForEach(lease => lease.Abandon());
        Life.Broker.EndEverything();
        Life.Dispose();
        Keeper.Dispose();
        Veth.Dispose();
        Directory.Delete(_folder, recursive: true);
    }

    private XskLease Keep(XskLease lease)
    {
        _leases.Add(lease);
        return lease;
    }

    private ControlLife NewLife(IReadOnlyList<SharedMemory.Store.StoreEntry>? entries = null) =>
        new(Keeper, entries, broker: BrokerPath, policy: PolicyPath);
}
