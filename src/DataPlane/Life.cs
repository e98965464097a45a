using System.Diagnostics;
using System.Reflection;
using System.Runtime.InteropServices;
using Google.Protobuf.WellKnownTypes;
using Nf.DataPlane.Broker;
using Nf.DataPlane.Control;
using Nf.DataPlane.Memory;
using Nf.DataPlane.Node;
using Nf.DataPlane.Xdp;
using Nf.Internal.V1;
using Nf.Linux;
using Nf.SharedMemory.Broker;
using Nf.SharedMemory.Segments;
using Nf.SharedMemory.Store;
using Nf.V1;

namespace Nf.DataPlane;

/// <summary>One life of the data plane, from its activation to its end: what belongs together, put together.</summary>
internal sealed class Life : IDisposable
{
    /// <summary>Connections that may wait to be accepted. Arbitrary.</summary>
    private const int BacklogMax = 64;

    private const int OwnerOnly = 0x180; // 0600

    /// <summary>0666: who may have what is the policy's to say.</summary>
    private const int Everybody = 0x1b6;

    private static readonly TimeSpan TickInterval = TimeSpan.FromMilliseconds(250);

    private readonly StoreClient _keeper;
    private readonly string _runDirectory;
    private readonly long _activated = Stopwatch.GetTimestamp();
    private readonly TimeSpan _takeover;
    private readonly DateTimeOffset _started = DateTimeOffset.UtcNow;
    private readonly ulong _generation;
    private readonly bool _adopted;
    private readonly EventLoop _loop = new();
    private readonly TimerFd _tick = TimerFd.Periodic(TickInterval);
    private readonly StateFile _state;
    private readonly SegmentWriter _segment;
    private readonly WorkerSet _workers;
    private readonly Heartbeat _heartbeat;
    private readonly Resources _resources;
    private readonly Commands _commands;
    private readonly CommandServer _server;
    private readonly BrokerHost _broker;
    private readonly PosixSignalRegistration _hangUp;
    private readonly List<string> _faults = [];
    private readonly System.Collections.Concurrent.ConcurrentQueue<(int Slot, string Message)> _portFaults = new();
    private readonly Lazy<IReadOnlyList<Feature>> _features = new(FeatureProbe.Probe);
    private ulong _ticks;
    private bool _over;

    internal Life(DataPlaneOptions options, StoreClient keeper, Activation activation)
    {
        _keeper = keeper;
        _runDirectory = options.RunDirectory;
        _generation = activation.Generation;
        _adopted = activation.Entries.Count != 0;
        var store = new ResourceStore(new KeeperStore(keeper));
        _state = OpenState(activation.Entries, store, out IReadOnlyList<StoreEntry> entries);
        _segment = OpenSegment(entries, store);
        _workers = new WorkerSet(
            options.WorkerCpus, options.Spin, _segment, _state,
            (port, message) => _portFaults.Enqueue((port.Slot, message)));
        var events = new EventLog(_state, _generation);
        _resources = new Resources(
            _segment, _state, store, new InterfacePrograms(options.Attach), _workers, events);
        _commands = new Commands(_resources, _loop);
        var adoption = new Adoption(_commands);
        adoption.Run(entries);
        _broker = new BrokerHost(_commands, _loop, options.BrokerPolicy, BrokerPath(options.RunDirectory), _generation);
        _faults.AddRange(_broker.Adopt(entries));
        _workers.Start();

        // Packets flow from here on; the rest is for those who watch.
        _takeover = Stopwatch.GetElapsedTime(_activated);
        _heartbeat = new Heartbeat(keeper, _workers);
        adoption.Finish();
        _faults.AddRange(adoption.Faults);
        _commands.Devices.Sync();
        _server = new CommandServer(
            OpenListener(entries, store, ResourceStore.ListenerKey, SocketPath(options.RunDirectory), OwnerOnly),
            _loop, events, _commands.Dispatcher, Hello, _segment.File);
        _broker.Start(OpenListener(
            entries, store, ResourceStore.BrokerListenerKey, BrokerPath(options.RunDirectory), Everybody));
        _hangUp = PosixSignalRegistration.Create(PosixSignal.SIGHUP, signal =>
        {
            signal.Cancel = true;
            _commands.Background.Post(() => _broker.RefreshPolicy(always: true));
        });
        Announce();
    }

    /// <summary>Runs until the keeper says that it is over.</summary>
    /// <returns>The process's exit code.</returns>
    internal int Run()
    {
        _loop.Add(_keeper.Descriptor, HearKeeper);
        _loop.Add(_tick.Descriptor, Tick);
        Tick();
        while (!_over)
        {
            _loop.RunOnce();
        }

        return 0;
    }

    public void Dispose()
    {
        _hangUp.Dispose();
        _broker.Dispose();
        _server.Dispose();
        _commands.Dispose();
        _heartbeat.Dispose();
        _workers.Dispose();
        _resources.Programs.Dispose();
        _tick.Dispose();
        _loop.Dispose();
    }

    private static StateFile OpenState(
        IReadOnlyList<StoreEntry> all, ResourceStore store, out IReadOnlyList<StoreEntry> entries)
    {
        entries = all;
        try
        {
            if (all.FirstOrDefault(entry => entry.Key == ResourceStore.StateKey) is { Descriptors: [var file] })
            {
                return StateFile.Adopt(file);
            }
        }
        catch (Exception e) when (e is InvalidDataException or LinuxException)
        {
            // Without it the rings cannot be taken up where they were left. Nothing is adopted: the service replays.
            Console.Error.WriteLine($"nf-dataplane: nothing is adopted: {e.Message}");
            foreach (StoreEntry entry in all)
            {
                store.Drop(entry.Key);
                foreach (FileDescriptor descriptor in entry.Descriptors)
                {
                    descriptor.Dispose();
                }
            }

            entries = [];
        }

        StateFile state = StateFile.Create();
        store.Put(ResourceStore.StateKey, state.File);
        return state;
    }

    private SegmentWriter OpenSegment(IReadOnlyList<StoreEntry> entries, ResourceStore store)
    {
        SegmentWriter segment = SegmentWriter.Create(_generation, (uint)Environment.ProcessId, _started);
        if (entries.FirstOrDefault(entry => entry.Key == ResourceStore.SegmentKey) is { Descriptors: [var file] })
        {
            try
            {
                using SegmentReader earlier = SegmentReader.Open(file);
                segment.CopyFrom(earlier);
            }
            catch (Exception e) when (e is InvalidDataException or LinuxException)
            {
                _faults.Add($"counters begin anew: {e.Message}");
            }

            file.Dispose();
        }

        store.Put(ResourceStore.SegmentKey, segment.File);
        return segment;
    }

    private static SeqPacketSocket OpenListener(
        IReadOnlyList<StoreEntry> entries, ResourceStore store, string key, string path, int mode)
    {
        if (entries.FirstOrDefault(entry => entry.Key == key) is { Descriptors: [var socket] })
        {
            return SeqPacketSocket.Adopt(socket);
        }

        SeqPacketSocket listener = SeqPacketSocket.Listen(path, mode, BacklogMax);
        store.Put(key, listener.Descriptor);
        return listener;
    }

    private static string SocketPath(string runDirectory) => Path.Combine(runDirectory, "dataplane.sock");

    private static string BrokerPath(string runDirectory) => Path.Combine(runDirectory, BrokerProtocol.SocketName);

    private void Announce()
    {
        string what = _adopted
            ? $"life {_generation} adopted {_resources.Umems.Count} UMEMs, {_resources.Sockets.Count} sockets, "
                + $"{_resources.VhostDevices.Count} vhost devices, {_resources.Links.Count} links, "
                + $"{_resources.Bridges.Count} bridges, {_resources.Cpumaps.Count} cpumaps and "
                + $"{_broker.Leases.All.Count} leases in {_takeover.TotalMilliseconds:0} ms"
            : $"life {_generation} begins with nothing";
        _resources.Events.Add(EventKind.DataPlaneUp, "data_plane", "", what);
        foreach (string fault in _faults)
        {
            _resources.Events.Add(EventKind.Fault, "data_plane", "", $"not adopted: {fault}");
        }

        Console.Error.WriteLine($"nf-dataplane: {what}; workers on CPU {string.Join(",", _workers.Cpus)}");
    }

    private DataPlaneHello Hello()
    {
        var hello = new DataPlaneHello
        {
            ProtocolVersion = CommandConnection.ProtocolVersion,
            Generation = _generation,
            Pid = (uint)Environment.ProcessId,
            Started = Timestamp.FromDateTimeOffset(_started),
            Version = typeof(Life).Assembly.GetCustomAttribute<AssemblyInformationalVersionAttribute>()
                ?.InformationalVersion ?? "",
            Adopted = _adopted,
            SegmentLayoutHash = SegmentLayout.Hash,
        };
        hello.WorkerCpus.AddRange(_workers.Cpus);
        hello.AdoptionFaults.AddRange(_faults);
        hello.Features.AddRange(_features.Value);
        return hello;
    }

    private void HearKeeper()
    {
        switch (_keeper.ReadSignal())
        {
            case KeeperSignal.Shutdown:
                End("shut down");

                // Not when the keeper is gone: the next one may have a socket of that name by now.
                File.Delete(SocketPath(_runDirectory));
                File.Delete(BrokerPath(_runDirectory));
                break;
            case KeeperSignal.Gone:
                // Without a keeper the next death would lose everything; a supervisor starts both anew.
                End("the keeper is gone");
                break;
        }
    }

    private void End(string why)
    {
        Console.Error.WriteLine($"nf-dataplane: {why}");
        _over = true;
        _commands.EndEverything();
        _broker.EndEverything();
    }

    private void Tick()
    {
        _tick.TryRead(out _);
        long now = Clock.MonotonicNs();
        _segment.Heartbeat.MonotonicNs = now;
        _heartbeat.ControlIsAlive(now);
        FinishReleases();
        while (_portFaults.TryDequeue(out (int Slot, string Message) fault))
        {
            TellFault(fault.Slot, fault.Message);
        }

        _commands.VhostSockets.Tick(now);
        _commands.Cpumaps.Tick(now);
        _broker.Tick(now);

        if (_ticks++ % 4 == 0)
        {
            _resources.PublishStatistics();
            _commands.Devices.CheckQueueCounts();
            _commands.Cpumaps.Publish();
            _commands.Steerings.Publish();
            _commands.Devices.RetryLost();
            _commands.Bridges.Sweep();
        }

        TellWildCompletions();
        _server.Flush();
    }

    // The kernel completed something it was never given, or twice: survived, but worth knowing.
    private void TellWildCompletions()
    {
        foreach (UmemResource umem in _resources.Umems.Values.Where(u => u.State == UmemState.Ready))
        {
            ulong wild = umem.Memory.WildCompletions;
            if (wild != umem.WildCompletionsTold)
            {
                _resources.Events.Add(
                    EventKind.Fault, "umem", umem.Name,
                    $"{wild - umem.WildCompletionsTold} completion entries named no chunk that was being sent",
                    ("wild_completions", $"{wild}"));
                umem.WildCompletionsTold = wild;
            }
        }
    }

    private void FinishReleases()
    {
        foreach (XskResource socket in _resources.Sockets.Values.Where(s => s.ReleasingPool is not null).ToList())
        {
            _commands.Releaser.TryFinish(socket);
        }

        foreach (UmemResource umem in _resources.Umems.Values.Where(u => u.State == UmemState.Releasing).ToList())
        {
            _commands.Umems.TryFinishRelease(umem);
        }
    }

    private void TellFault(int slot, string message)
    {
        VhostResource? device = _resources.VhostDevices.Values.FirstOrDefault(d => d.Slots.Contains(slot));
        if (device is null)
        {
            string name = _resources.Sockets.Values.FirstOrDefault(socket => socket.Slot == slot)?.Name ?? $"{slot}";
            _resources.Events.Add(EventKind.Fault, "xsk_socket", name, message);
        }

        // A device's session counts and tells of its rings itself: see VhostSockets.Tick.
    }
}
