using System.Diagnostics;
using Nf.DataPlane.Lab;
using Nf.DataPlane.Ports;
using Nf.DataPlane.Tests.Ports;
using Nf.Linux;
using Nf.SharedMemory.Segments;

namespace Nf.DataPlane.Tests.Workers;

// The worker's thread: its inbox, its sleep and its end.
public sealed unsafe class WorkerThreadTests : IDisposable
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(60);

    private readonly Rig _rig = new([new LabUmem(128)], new LabPort(0, 1), new LabPort(0, 0));

    private Worker Worker => _rig.Life.Worker;

    private WorkerCounters* Counters => _rig.Memory.WorkerCounters;

    public void Dispose() => _rig.Dispose();

    [Fact]
    public void Invoke_Running_HappensOnItsThreadBetweenRounds()
    {
        Worker.Start();
        int thread = 0;
        Worker.Invoke(() => thread = Environment.CurrentManagedThreadId);
        Assert.NotEqual(0, thread);
        Assert.NotEqual(Environment.CurrentManagedThreadId, thread);
        int again = 0;
        Worker.Invoke(() => Worker.Invoke(() => again = Environment.CurrentManagedThreadId));
        Assert.Equal(thread, again);
    }

    [Fact]
    public void Invoke_ActionFails_TellsTheCallerAndGoesOn()
    {
        Worker.Start();
        InvalidOperationException failure = Assert.Throws<InvalidOperationException>(
            () => Worker.Invoke(() => throw new InvalidDataException("so it is")));
        Assert.Contains("so it is", failure.Message, StringComparison.Ordinal);
        bool ran = false;
        Worker.Invoke(() => ran = true);
        Assert.True(ran);
    }

    [Fact]
    public void Invoke_AfterStop_RunsHere()
    {
        Worker.Start();
        Worker.Invoke(() => { });
        Worker.Dispose();
        int thread = 0;
        Worker.Invoke(() => thread = Environment.CurrentManagedThreadId);
        Assert.Equal(Environment.CurrentManagedThreadId, thread);
    }

    [Fact]
    public void Post_HundredThousandToASleepingWorker_NoneIsLost()
    {
        Worker.Start();
        int done = 0;
        for (int i = 1; i <= 100_000; i++)
        {
            // Sometimes it sleeps by then, sometimes it is on its way: every tenth time the test waits for it.
            Worker.Post(() => Interlocked.Increment(ref done));
            if (i % 10 == 0)
            {
                int expected = i;
                Wait(() => Volatile.Read(ref done) >= expected, $"action {expected}");
            }
        }

        Assert.Equal(100_000, done);
        Assert.True(Counters->Sleeps > 100, $"slept {Counters->Sleeps} times only: nothing was tried");
    }

    [Fact]
    public void Sleep_NothingToDo_PollsNoMore()
    {
        Worker.Start();
        Wait(() => Volatile.Read(ref Counters->Sleeps) >= 1, "the first sleep");
        Worker.Invoke(() => { });

        // The action was a round; after it the worker sleeps without end.
        Wait(() => Volatile.Read(ref Counters->Sleeps) >= 2, "the second sleep");
        ulong polls = Volatile.Read(ref Counters->Polls);
        using var pause = new ManualResetEventSlim();
        pause.Wait(300);
        Assert.InRange(Volatile.Read(ref Counters->Polls), polls, polls + 20);
    }

    [Fact]
    public void Sleep_PortBecomesReadable_Wakes()
    {
        Worker.Start();
        Wait(() => _rig.Kernel.Posted(0) == 48, "the first fill");
        for (ulong i = 1; i <= 200; i++)
        {
            Assert.True(_rig.Kernel.Receive(0, LabFrame.Make(i, 60)));
            _rig.Life.Signal(0);
            Wait(() => _rig.Kernel.Send(1, _rig.Sent[1]) != 0, $"packet {i}");
            _rig.Life.Drain(0);
            _rig.Kernel.Complete(1);
        }

        Assert.Equal(200, _rig.Sent[1].Count);
        Assert.True(Counters->Sleeps > 1);
    }

    [Fact]
    public void Sleep_ChunksOutForSending_LooksAgainByItself()
    {
        Worker.Start();
        Wait(() => _rig.Kernel.Posted(0) == 48, "the first fill");
        for (ulong i = 0; i < 48; i++)
        {
            Assert.True(_rig.Kernel.Receive(0, LabFrame.Make(i, 60)));
        }

        _rig.Life.Signal(0);
        var sent = new List<byte[]>();
        Wait(() => _rig.Kernel.Send(1, sent) == 0 && sent.Count == 48, "all packets");
        _rig.Life.Drain(0);

        // Completions come without any event.
        _rig.Kernel.Complete(1);
        Wait(
            () => _rig.Kernel.Posted(0) == 48,
            () => $"the chunks to come back: {_rig.Kernel.Posted(0)} posted, {_rig.Life.Ports[0].Pool.FillHeld} held, "
                + $"{_rig.Life.Umems[0].TxHeld} out, {_rig.Life.Umems[0].Pool.Count} free, slept {Counters->Sleeps} of "
                + $"{Counters->Polls}, {_rig.Life.Ports[1].Pool.Completion.Level} completed");
    }

    [Fact]
    public void Detach_UnderTraffic_EndsAtOnce()
    {
        Worker.Start();
        XskPort port = _rig.Life.Ports[0];
        for (int i = 0; i < 200; i++)
        {
            _rig.Kernel.Receive(0, LabFrame.Make((ulong)i, 60));
            _rig.Life.Signal(0);
            Worker.Invoke(() => Worker.Detach(port));
            uint index = _rig.Memory.ConsumerIndex(0, XdpRing.Rx);
            _rig.Kernel.Receive(0, LabFrame.Make((ulong)i, 60));
            Worker.Invoke(() => { });
            Assert.Equal(index, _rig.Memory.ConsumerIndex(0, XdpRing.Rx));
            Worker.Invoke(() => Worker.Attach(port));
            Wait(() => port.Rx.Level == 0, "the rest");
            _rig.Kernel.Send(1, _rig.Sent[1]);
            _rig.Kernel.Complete(1);
        }
    }

    [Fact]
    public void Run_RingCorruptedWhileRunning_TakesOutItsPort()
    {
        Worker.Start();
        Wait(() => _rig.Kernel.Posted(0) == 48, "the first fill");
        _rig.Memory.ProducerIndex(1, XdpRing.Rx) += 100_000;
        _rig.Life.Signal(1);
        Wait(() => Worker.PortCount == 1, "the port to be taken out");
        bool goesOn = false;
        Worker.Invoke(() => goesOn = _rig.Life.Faults.Count == 1);
        Assert.True(goesOn);
    }

    [Fact]
    public void IsAlive_Running_Answers()
    {
        Worker.Start();
        Assert.True(Worker.IsAlive(1, 10));
        Worker.Invoke(() => { });

        // The question was answered before, so this is a new one however late it is.
        Assert.True(Worker.IsAlive(1_000_000, 10));
        using var hold = new ManualResetEventSlim();
        Worker.Invoke(() => { });
        Worker.Post(hold.Wait);
        Assert.True(Worker.IsAlive(2_000_000, 10));
        Assert.False(Worker.IsAlive(2_000_010, 10));
        hold.Set();

        // It has passed the wait before what it waits for is gone.
        Worker.Invoke(() => { });
    }

    private static void Wait(Func<bool> condition, string what) => Wait(condition, () => what);

    private static void Wait(Func<bool> condition, Func<string> what)
    {
        for (var clock = Stopwatch.StartNew(); !condition(); Thread.Yield())
        {
            Assert.True(clock.Elapsed < Patience, clock.Elapsed < Patience ? "" : $"waited for {what()}");
        }
    }
}
