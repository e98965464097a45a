using System.Diagnostics;
using Nf.DataPlane.Broker;
using Nf.DataPlane.Control;
using Nf.DataPlane.Faults;
using Nf.DataPlane.Memory;
using Nf.DataPlane.Xdp;
using Nf.Linux;
using Nf.SharedMemory.Segments;
using Nf.SharedMemory.Store;
using Nf.V1;

namespace Nf.DataPlane.Tests.Control;

/// <summary>The control side of a life, put together as Life does it, on the thread of the test.</summary>
internal sealed class ControlLife : IDisposable
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(20);

    private readonly StoreClient _client;
    private readonly TimerFd _tick = TimerFd.Periodic(TimeSpan.FromMilliseconds(2));
    private readonly StateFile _state;
    private readonly WorkerSet _workers;
    private readonly Commands _commands;
    private readonly EventLoop _loop = new();

    internal ControlLife(
        FakeKeeper keeper, IReadOnlyList<StoreEntry>? entries = null,
        XdpAttachPreference attach = XdpAttachPreference.Link, string? broker = null, string? policy = null)
    {
        entries ??= [];
        _client = keeper.Connect();
        var store = new ResourceStore(new KeeperStore(_client));
        Segment = SegmentWriter.Create(1, 0, DateTimeOffset.UtcNow);
        if (entries.FirstOrDefault(entry => entry.Key == ResourceStore.StateKey) is { Descriptors: [var file] })
        {
            _state = StateFile.Adopt(file);
        }
        else
        {
            _state = StateFile.Create();
            store.Put(ResourceStore.StateKey, _state.File);
        }

        if (entries.FirstOrDefault(entry => entry.Key == ResourceStore.SegmentKey) is { Descriptors: [var segment] })
        {
            using SegmentReader earlier = SegmentReader.Open(segment);
            Segment.CopyFrom(earlier);
        }

        store.Put(ResourceStore.SegmentKey, Segment.File);
        _workers = new WorkerSet([0], TimeSpan.FromMicroseconds(50), Segment, _state, (_, _) => { });
        var log = new EventLog(_state, 1);
        log.Added += Events.Add;
        Resources = new Resources(
            Segment, _state, store, new InterfacePrograms(attach), _workers, log);
        _commands = new Commands(Resources, _loop);
        var adoption = new Adoption(_commands);
        adoption.Run(entries);
        Broker = new BrokerHost(_commands, _loop, policy, broker ?? "", generation: 1);
        IReadOnlyList<string> leaseFaults = Broker.Adopt(entries);
        _workers.Start();
        adoption.Finish();
        AdoptionFaults = [.. adoption.Faults, .. leaseFaults];
        _commands.Devices.Sync();
        if (broker is not null)
        {
            Broker.Start(Listener(entries, broker, store));
        }

        _loop.Add(_tick.Descriptor, Tick);
    }

    /// <summary>Listens only when the life was given a path.</summary>
    internal BrokerHost Broker { get; }

    internal SegmentWriter Segment { get; }

    internal Resources Resources { get; }

    internal UmemCommands Umems => _commands.Umems;

    internal XskCommands Sockets => _commands.Sockets;

    internal LinkCommands Links => _commands.Links;

    internal Commands Commands => _commands;

    internal CommandDispatcher Dispatcher => _commands.Dispatcher;

    internal EventLoop Loop => _loop;

    internal IReadOnlyList<string> AdoptionFaults { get; }

    internal List<Event> Events { get; } = [];

    internal V1.Umem CreateUmem(string name, uint chunks = 512, uint chunkSize = 2048) =>
        CreateUmem(name, new UmemSpec { SizeBytes = (ulong)chunks * chunkSize, ChunkSizeBytes = chunkSize });

    internal V1.Umem CreateUmem(string name, UmemSpec spec) =>
        Umems.Create(new V1.Umem { Name = name, Spec = spec });

    internal XskSocket Bind(
        string name, string umem, string device, string space, uint queue = 0, bool scatterGather = false,
        XskMode mode = XskMode.Auto) => Bind(name, new XskSocketSpec
        {
            Umem = umem,
            Interface = device,
            NetworkNamespace = new V1.NetworkNamespace { Path = space },
            Queue = queue,
            ScatterGather = scatterGather,
            Mode = mode,
        });

    /// <param name="name">Of the socket.</param>
    /// <param name="spec">With or without ring sizes.</param>
    internal XskSocket Bind(string name, XskSocketSpec spec)
    {
        spec.Rings ??= new RingSizes { Rx = 128, Tx = 128, Fill = 128, Completion = 128 };
        XskSocket bound = Sockets.Bind(new XskSocket { Name = name, Spec = spec });
        _commands.Devices.Sync();
        return bound;
    }

    internal void Unbind(string name)
    {
        Sockets.Unbind(name);
        _commands.Devices.Sync();
    }

    internal Link Link(string name, string a, string b) => Link(name, [a], [b]);

    internal Link Link(string name, string[] a, string[] b)
    {
        var spec = new LinkSpec { A = new Endpoint(), B = new Endpoint() };
        spec.A.XskSockets.Add(a);
        spec.B.XskSockets.Add(b);
        return Links.Create(new Link { Name = name, Spec = spec });
    }

    internal static string Fault(Action action) => Assert.Throws<CommandFaultException>(action).Reason;

    /// <summary>Every chunk of every UMEM is accounted for.</summary>
    internal void CheckLedgers()
    {
        foreach (UmemResource umem in Resources.Umems.Values)
        {
            ChunkLedger ledger = umem.Audit();
            Assert.True(ledger.Closed, ledger.Fault);
        }
    }

    /// <summary>Does what the control thread does until something is true.</summary>
    internal void Until(Func<bool> condition, string what)
    {
        for (var clock = Stopwatch.StartNew(); !condition(); _loop.RunOnce())
        {
            Assert.True(clock.Elapsed < Patience, $"waited {Patience.TotalSeconds} s for {what}");
        }
    }

    /// <summary>Has another thread do what waits for answers of this one, and answers meanwhile.</summary>
    internal void Serve(Action action)
    {
        Task other = Task.Run(action);
        Until(() => other.IsCompleted, "the other side to be done");
        other.GetAwaiter().GetResult();
    }

    /// <summary>Ends every binding and forgets everything: what is left afterwards is a leak.</summary>
    internal void Clear()
    {
        foreach (string steering in Resources.Steerings.Keys.ToArray())
        {
            _commands.Steerings.Delete(steering);
        }

        foreach (string bridge in Resources.Bridges.Keys.ToArray())
        {
            _commands.Bridges.Delete(bridge);
        }

        foreach (string link in Resources.Links.Keys.ToArray())
        {
            Links.Delete(link);
        }

        foreach (string device in Resources.VhostDevices.Keys.ToArray())
        {
            _commands.VhostDevices.Delete(device);
        }

        foreach (string socket in Resources.Sockets.Keys.ToArray())
        {
            Unbind(socket);
        }

        Until(() => Resources.Sockets.Count == 0, "the sockets to be released");
        foreach (string umem in Resources.Umems.Keys.ToArray())
        {
            Umems.Delete(umem);
        }

        Until(() => Resources.Umems.Count == 0, "the UMEMs to be released");
    }

    /// <summary>Stops as a killed process does: workers stand still, nothing is taken back.</summary>
    internal void Freeze() => _workers.Dispose();

    public void Dispose()
    {
        Broker.Dispose();
        _commands.Dispose();
        _workers.Dispose();
        foreach (XskResource socket in Resources.Sockets.Values)
        {
            socket.Binding?.Dispose();
            socket.Network.Dispose();
        }

        foreach (UmemResource umem in Resources.Umems.Values)
        {
            umem.Unmap();
            umem.Files.Dispose();
        }

        Resources.Programs.Dispose();
        _tick.Dispose();
        _loop.Dispose();
        _state.Dispose();
        Segment.Dispose();
        _client.Dispose();
    }

    private static SeqPacketSocket Listener(IReadOnlyList<StoreEntry> entries, string path, ResourceStore store)
    {
        if (entries.FirstOrDefault(e => e.Key == ResourceStore.BrokerListenerKey) is { Descriptors: [var socket] })
        {
            return SeqPacketSocket.Adopt(socket);
        }

        SeqPacketSocket listener = SeqPacketSocket.Listen(path, 0x1b6);
        store.Put(ResourceStore.BrokerListenerKey, listener.Descriptor);
        return listener;
    }

    private void Tick()
    {
        _tick.TryRead(out _);
        foreach (XskResource socket in Resources.Sockets.Values.Where(s => s.ReleasingPool is not null).ToList())
        {
            _commands.Releaser.TryFinish(socket);
        }

        foreach (UmemResource umem in Resources.Umems.Values.Where(u => u.State == UmemState.Releasing).ToList())
        {
            Umems.TryFinishRelease(umem);
        }

        _commands.Devices.CheckQueueCounts();
        _commands.Devices.RetryLost();
        _commands.Steerings.Publish();
        _commands.VhostSockets.Tick(Clock.MonotonicNs());
        Broker.Tick(Clock.MonotonicNs());
    }
}
