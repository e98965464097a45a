using System.Collections.Concurrent;
using System.Diagnostics;
using Nf.DataPlane.Cpumaps;
using Nf.DataPlane.Forwarding;
using Nf.DataPlane.Memory;
using Nf.DataPlane.Ports;
using Nf.Linux;
using Nf.SharedMemory.Rings;
using Nf.SharedMemory.Segments;

namespace Nf.DataPlane;

/// <summary>
/// One pinned thread and the ports it polls: receive → forward → transmit, round after round. Start reading here.
/// </summary>
/// <remarks>
/// Nothing under <see cref="RunOnce"/> allocates, locks, throws for a bad packet or blocks. Ports come and go between
/// rounds only, by actions that the control thread leaves in the inbox. A worker that finds nothing for a while sleeps
/// until a socket or the inbox wakes it: see <see cref="WorkerSleep"/>.
/// </remarks>
internal sealed unsafe class Worker : IDisposable
{
    /// <summary>Rounds between two publications of the ring levels while traffic flows.</summary>
    private const uint PublishEvery = 256;

    /// <summary>Rounds of a full burst between two looks at the clock.</summary>
    private const uint FullRoundsPerClock = 16;

    private readonly ConcurrentQueue<Action> _inbox = new();
    private readonly WorkerSleep _sleep = new();
    private readonly WorkerCounters* _counters;
    private readonly PortTools _tools;
    private readonly Forwarder _forwarder;
    private readonly long _spinTicks;
    private readonly Thread _thread;
    private readonly Action<Port, string> _onFault;
    private Port[] _ports = [];
    private int _inboxCount;
    private bool _stopping;
    private long _askedNs;

    /// <param name="slot">Its slot in the segment and the state file.</param>
    /// <param name="cpu">The CPU it is pinned to.</param>
    /// <param name="spin">How long it polls in vain before it sleeps.</param>
    /// <param name="record">Where it writes down what it is about to do.</param>
    /// <param name="counters">Its line of the segment.</param>
    /// <param name="onFault">Told, on the worker's thread, of a port whose ring cannot be trusted any more.</param>
    internal Worker(
        int slot, int cpu, TimeSpan spin, WorkerRecord* record, WorkerCounters* counters,
        Action<Port, string> onFault)
    {
        Slot = slot;
        Cpu = cpu;
        Record = record;
        _counters = counters;
        _onFault = onFault;
        _spinTicks = (long)(spin.TotalSeconds * Stopwatch.Frequency);
        _tools = new PortTools(record, _sleep.Forget);
        _forwarder = new Forwarder(_tools);
        _thread = new Thread(Main) { Name = $"nf-worker-{cpu}", IsBackground = true };
    }

    /// <summary>Its slot in the segment and the state file.</summary>
    internal int Slot { get; }

    /// <summary>The CPU it is pinned to.</summary>
    internal int Cpu { get; }

    /// <summary>What it is about to do.</summary>
    internal WorkerRecord* Record { get; }

    // SAFETY: the constructor was given a line of the segment, which stays mapped longer than any worker.
    private ref WorkerCounters Counters => ref *_counters;

    /// <summary>Ports it polls. For the control thread only, between its own actions.</summary>
    internal int PortCount => Volatile.Read(ref _ports).Length;

    internal void Start() => _thread.Start();

    /// <summary>
    /// Tells whether the worker has answered the question of the last call, or has had no more than the limit to do so.
    /// </summary>
    internal bool IsAlive(long nowNs, long limitNs)
    {
        long asked = Volatile.Read(ref _askedNs);
        if (asked == 0)
        {
            Volatile.Write(ref _askedNs, nowNs);
            Post(() => Volatile.Write(ref _askedNs, 0));
            return true;
        }

        return nowNs - asked < limitNs;
    }

    /// <summary>Has an action done by the worker between two rounds, and waits until it is done.</summary>
    internal void Invoke(Action action)
    {
        if (Thread.CurrentThread == _thread || !_thread.IsAlive)
        {
            action();
            return;
        }

        using var done = new ManualResetEventSlim();
        Exception? failure = null;
        Post(() =>
        {
            try
            {
                action();
            }
            catch (Exception e)
            {
                failure = e;
            }

            done.Set();
        });
        done.Wait();
        if (failure is not null)
        {
            throw new InvalidOperationException($"worker {Cpu}: {failure.Message}", failure);
        }
    }

    /// <summary>Leaves an action for the worker.</summary>
    internal void Post(Action action)
    {
        _inbox.Enqueue(action);

        // Full fence (Interlocked) between the action and the signal: a worker that misses the count sees the event.
        Interlocked.Increment(ref _inboxCount);
        _sleep.Wake();
    }

    /// <summary>Begins to poll a port. From the inbox only.</summary>
    internal void Attach(Port port)
    {
        port.AttachTo(_tools);
        _ports = [.. _ports, port];
    }

    /// <summary>Ends polling a port. From the inbox only; afterwards nothing here touches its rings.</summary>
    internal void Detach(Port port)
    {
        if (!_ports.Contains(port))
        {
            return;
        }

        _sleep.Forget(port);
        _ports = [.. _ports.Where(p => p != port)];
        port.PublishLevels();
        port.Detach();
    }

    /// <summary>Makes the place that frames come back to which its ports hand over to other workers, once. From the
    /// inbox only.</summary>
    internal CrossingHome OpenHome(CrossingHomes homes, FrameRecords records)
    {
        var home = new CrossingHome(Slot, homes, records);
        _tools.Home = home;
        home.AttachTo(_tools);

        // First, so that the chunks of a round are there before the fill rings are looked after.
        _ports = [home, .. _ports];
        return home;
    }

    /// <summary>One round over every port.</summary>
    /// <returns>Packets received.</returns>
    internal uint RunOnce()
    {
        Port[] ports = _ports;
        uint packets = 0;
        foreach (Port any in ports)
        {
            if (any is not XskPort port)
            {
                packets += _forwarder.Run(any);
                continue;
            }

            port.Pool.ReapCompletions();
            uint received = _forwarder.Run(port);
            packets += received;
            if (port.Pool.Refill(Record, port.Slot, port.Socket, always: received == 0))
            {
                port.Rings.FillKicks++;
            }
        }

        // After all receiving: one system call sends what several ports had for one.
        foreach (Port port in ports)
        {
            if (port.NeedsFlush)
            {
                port.Flush();
                if (port is XskPort socket)
                {
                    // In copy mode a virtual device has sent, and given back, within the call: now the chunk is still
                    // in this CPU's cache.
                    socket.Pool.ReapCompletions();
                }

                if (port.TakeFault() is { } fault)
                {
                    _onFault(port, fault);
                }
            }
        }

        return packets;
    }

    public void Dispose()
    {
        if (_thread.IsAlive)
        {
            Post(() => _stopping = true);
            _thread.Join();
        }

        _sleep.Dispose();
        _tools.Dispose();
    }

    private void Main()
    {
        try
        {
            CurrentThread.SetName($"nf-worker-{Cpu}");
            CpuAffinity.PinCurrentThread(Cpu);
            Counters.StartedNs = Clock.MonotonicNs();
            Loop();
        }
        catch (Exception bug)
        {
            // A worker that died would leave its ports silent. The keeper starts a next life, which adopts them.
            Environment.FailFast($"worker on CPU {Cpu}: {bug}");
        }
    }

    private void Loop()
    {
        long last = Stopwatch.GetTimestamp();
        long idleSince = last;
        uint untilPublish = PublishEvery;
        uint untilClock = FullRoundsPerClock;
        while (!_stopping)
        {
            if (Volatile.Read(ref _inboxCount) != 0)
            {
                RunInbox();
            }

            uint packets = RunGuarded();
            Counters.Polls++;
            if (packets != 0)
            {
                Counters.Packets += packets;
                Counters.Batches++;
                if (--untilPublish == 0)
                {
                    PublishLevels();
                    _sleep.Forget();
                    untilPublish = PublishEvery;
                }

                // Rounds of a full burst follow each other for a while, and last long beside the idle round that may
                // come after them: their time is added up in one go.
                if (packets >= Forwarder.BurstMax && --untilClock != 0)
                {
                    continue;
                }
            }

            bool busy = packets != 0 || untilClock != FullRoundsPerClock;
            untilClock = FullRoundsPerClock;
            long now = Stopwatch.GetTimestamp();
            if (busy)
            {
                Counters.BusyNs += (ulong)((now - last) * (1_000_000_000.0 / Stopwatch.Frequency));
                idleSince = now;
            }
            else if (now - idleSince >= _spinTicks && !_stopping)
            {
                Sleep();
                now = Stopwatch.GetTimestamp();
                idleSince = now;
            }

            last = now;
        }
    }

    /// <summary>
    /// As <see cref="RunOnce"/>; a port whose ring shows an index that cannot be true is taken out, the others go on.
    /// </summary>
    internal uint RunGuarded()
    {
        try
        {
            return RunOnce();
        }
        catch (RingCorruptedException corrupted)
        {
            TakeOutCorrupted(corrupted.Message);
            return 0;
        }
    }

    private void TakeOutCorrupted(string why)
    {
        foreach (Port port in _ports)
        {
            if (port.IsCorrupted())
            {
                // Broken as well as detached: those whose peer it is must not look at its rings either.
                port.Break();
                Detach(port);
                _onFault(port, why);
            }
        }

        // The round ended in the middle: what the others had in hand is where it was before.
        foreach (Port port in _ports)
        {
            port.Rewind();
            (port as XskPort)?.Umem.RebuildPool();
        }
    }

    private void Sleep()
    {
        PublishLevels();
        Counters.Sleeps++;

        // From here on the other sides signal. Whoever has something already, because it came before it could know,
        // keeps the worker awake.
        bool nothing = true;
        foreach (Port port in _ports)
        {
            nothing &= port.EnableWakeUps();
        }

        if (nothing)
        {
            _sleep.Wait(_ports, SleepMilliseconds());
        }

        foreach (Port port in _ports)
        {
            port.DisableWakeUps();
        }
    }

    internal int SleepMilliseconds()
    {
        int soonest = -1;
        foreach (Port port in _ports)
        {
            int rest = port.RestMilliseconds;
            soonest = rest >= 0 && (soonest < 0 || rest < soonest) ? rest : soonest;
        }

        return soonest;
    }

    private void RunInbox()
    {
        while (_inbox.TryDequeue(out Action? action))
        {
            Interlocked.Decrement(ref _inboxCount);
            action();
            Counters.Commands++;
        }
    }

    private void PublishLevels()
    {
        foreach (Port port in _ports)
        {
            port.PublishLevels();
            (port as XskPort)?.Umem.PublishCounts();
        }
    }
}
