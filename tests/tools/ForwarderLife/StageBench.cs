using System.Diagnostics;
using System.Globalization;
using System.Runtime.InteropServices;
using Nf.DataPlane.Cpumaps;
using Nf.DataPlane.Lab;
using Nf.DataPlane.Ports;
using Nf.Linux;
using Nf.SharedMemory.Segments;

namespace Nf.DataPlane.ForwarderLife;

/// <summary>
/// What a user-space cpumap costs and gains: one thread that receives, judges and sends every frame, against one that
/// receives and sends while a thread on another CPU judges. Prints a line per number of filters: filters, packets a
/// second of the one, of the two.
/// </summary>
/// <remarks>The kernel's side of the rings is played by the thread that receives, in both: its cost stands for what
/// receiving costs.</remarks>
internal sealed unsafe class StageBench : IDisposable
{
    private const int Burst = 32;

    private readonly LabMemory _memory;
    private readonly LabLife _life;
    private readonly LabKernel _kernel;
    private readonly List<byte[]> _sent = [];
    private readonly byte[] _frame = LabFrame.Make(1, 60);
    private readonly FilterProgram _program;
    private readonly int _filters;

    private StageBench(string folder, int filters)
    {
        _memory = LabMemory.Create(
            folder, new LabPlan("stage", [new LabUmem(4096)], [new(0, 1, 1024), new(0, 0, 1024)]));
        _life = new LabLife(_memory, fresh: true);
        _kernel = new LabKernel(_memory);
        _filters = filters;

        // UDP, so that each filter looks as far as it can, and none matches.
        (_frame[12], _frame[13], _frame[14], _frame[20], _frame[21], _frame[23]) = (8, 0, 0x45, 0, 0, 17);
        _program = FilterCompiler.Compile(
            [.. Enumerable.Range(1, filters).Select(i => (ReadOnlyMemory<ClassicInstruction>)PcapFilter.Compile(
                $"udp dst port {60000 + i} and src net 10.{i}.0.0/16").Code.ToArray())]);
    }

    /// <summary>Prints all rows.</summary>
    internal static void Run(string folder, int milliseconds)
    {
        foreach (int filters in new[] { 0, 4, 16, 64 })
        {
            double one = Measure(folder, filters, milliseconds, bench => bench.OneThread);
            double two = Measure(folder, filters, milliseconds, bench => bench.TwoThreads);
            Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{filters} {one:0} {two:0}"));
        }
    }

    public void Dispose()
    {
        _life.Dispose();
        _kernel.Dispose();
        _memory.Dispose();
    }

    private static double Measure(
        string folder, int filters, int milliseconds, Func<StageBench, Func<int, double>> way)
    {
        using var bench = new StageBench(Path.Combine(folder, Guid.NewGuid().ToString("N")), filters);
        return way(bench)(milliseconds);
    }

    private double OneThread(int milliseconds)
    {
        CpuAffinity.PinCurrentThread(0);
        XskPort port = _life.Ports[0];
        return Drive(milliseconds, () =>
        {
            if (_filters != 0)
            {
                uint count = port.Rx.Peek(Burst, out uint first);
                for (uint i = 0; i < count; i++)
                {
                    xdp_desc descriptor = port.Rx[first + i];
                    if (_program(port.Umem.Base + descriptor.addr, descriptor.len) >= 0)
                    {
                        throw new InvalidOperationException("a filter matched");
                    }
                }

                port.Rx.Unpeek(count);
            }

            _life.Worker.RunOnce();
        });
    }

    private double TwoThreads(int milliseconds)
    {
        CpuAffinity.PinCurrentThread(0);
        var counters = (WorkerCounters*)NativeMemory.AlignedAlloc((nuint)sizeof(WorkerCounters), 64);
        *counters = default;
        var homes = new CrossingHomes();
        Worker here = _life.Worker;
        var there = new Worker(
            1, 1, TimeSpan.FromMilliseconds(1), _life.State.Record(1), counters,
            (_, why) => throw new InvalidOperationException(why));
        CrossingHome home = here.OpenHome(homes, new FrameRecords());
        CrossingHome away = there.OpenHome(homes, new FrameRecords());
        using var back = new CrossingOut(new HandoverRing(4096), homes)
        {
            Default = new CrossingOut.Onward(_life.Ports[1]),
        };
        using var onward = new CrossingIn(null, new CrossingSelector.Fixed(0), 1);
        onward.SetLane(0, back.Ring);
        using CrossingFilter? filter = _filters == 0
            ? null
            : new CrossingFilter(
                _program, [.. Enumerable.Repeat(FilterAction.Drop, _filters)], new Port?[_filters]);
        using var entry = new CrossingOut(new HandoverRing(2048), homes)
        {
            Default = new CrossingOut.Onward(onward),
            Filter = filter,
        };
        using var way = new CrossingIn(_life.Ports[0], new CrossingSelector.Fixed(0), 1);
        way.SetLane(0, entry.Ring);
        home.Register(way);
        here.Attach(way);
        here.Attach(back);
        there.Attach(onward);
        there.Attach(entry);
        _life.Ports[0].Peer = way;
        there.Start();
        double rate = Drive(milliseconds, () => here.RunOnce());
        there.Dispose();
        home.Dispose();
        away.Dispose();
        NativeMemory.AlignedFree(counters);
        return rate;
    }

    // As fast as frames are taken, for a while after a warm-up of as long.
    private double Drive(int milliseconds, Action round)
    {
        double rate = 0;
        for (int turn = 0; turn < 2; turn++)
        {
            ulong before = _life.Ports[1].Traffic.TxPackets;
            var clock = Stopwatch.StartNew();
            while (clock.ElapsedMilliseconds < milliseconds)
            {
                for (int i = 0; i < 64; i++)
                {
                    for (int frame = 0; frame < Burst && _kernel.Receive(0, _frame); frame++)
                    {
                    }

                    round();
                    _kernel.Send(1, _sent);
                    _sent.Clear();
                    _kernel.Complete(1);
                }
            }

            rate = (_life.Ports[1].Traffic.TxPackets - before) / clock.Elapsed.TotalSeconds;
        }

        return rate;
    }
}
