using System.Diagnostics;
using Nf.DataPlane.Lab;
using Nf.DataPlane.Tests.Ports;
using Nf.SharedMemory.Segments;
using Xunit.Abstractions;

namespace Nf.DataPlane.Tests.Crash;

/// <summary>
/// Processes that forward, one after the other, each killed with SIGKILL at a random moment while the kernel, played by
/// the test, goes on receiving and sending.
/// </summary>
public sealed class KillTests(ITestOutputHelper output)
{
    private const int Kills = 40;
    private const int SparesAhead = 2;
    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(2);

    [Theory]
    [InlineData("same")]
    [InlineData("copies")]
    [InlineData("segments")]
    [InlineData("to-guest")]
    public void Kill_FortyTimesUnderTraffic_LosesDoublesAndReordersNothing(string plan)
    {
        using var rig = new Rig(LabPlan.Of(plan));
        rig.Life.Dispose();
        using var traffic = new Traffic(rig);
        var random = new Random(7);
        var lives = new Queue<Process>();
        try
        {
            for (uint turn = 1; turn <= Kills + 1; turn++)
            {
                while (lives.Count <= SparesAhead && turn + (uint)lives.Count <= Kills + 1)
                {
                    lives.Enqueue(Start(rig.Memory, turn + (uint)lives.Count));
                }

                Process life = lives.Dequeue();
                TakeOver(rig.Memory, life, turn, traffic);
                if (turn > Kills)
                {
                    traffic.Drain();
                    Stop(life);
                    break;
                }

                traffic.Pump(TimeSpan.FromMilliseconds(random.NextDouble() * 20), atLeast: 50);
                Stop(life);
            }
        }
        finally
        {
            foreach (Process life in lives)
            {
                Stop(life);
            }
        }

        using var last = new LabLife(rig.Memory, fresh: false);
        Assert.Equal("", last.Audit());
        traffic.Check(last);
        output.WriteLine($"{traffic.Accepted} frames over {Kills} kills");
        Assert.True(traffic.Accepted > Kills * 50, "too little traffic to prove anything");
    }

    private static Process Start(LabMemory memory, uint turn)
    {
        string[] command = ChildLife.Command("life", memory, $"{turn}");
        return Process.Start(new ProcessStartInfo(command[0], command[1..])
        {
            RedirectStandardInput = true,
            RedirectStandardError = true,
        })!;
    }

    private static void Stop(Process life)
    {
        life.Kill();
        life.WaitForExit();
        life.Dispose();
    }

    private static unsafe void TakeOver(LabMemory memory, Process life, uint turn, Traffic traffic)
    {
        Volatile.Write(ref memory.Control->Turn, turn);
        for (var clock = Stopwatch.StartNew(); Volatile.Read(ref memory.Control->Recovered) != turn;)
        {
            // The kernel does not wait for anybody.
            traffic.Pump(TimeSpan.Zero, atLeast: 0);
            Assert.False(life.HasExited, life.HasExited ? life.StandardError.ReadToEnd() : "");
            Assert.True(clock.Elapsed < Patience, $"life {turn} does not come");
            Thread.Yield();
        }
    }

    /// <summary>The kernel with numbered frames on port 0 and 1, each checked as it leaves by the other.</summary>
    private sealed class Traffic(Rig rig) : IDisposable
    {
        private readonly ulong[] _accepted = new ulong[2];
        private readonly ulong[] _seen = new ulong[2];
        private readonly ulong[] _twice = new ulong[2];
        private readonly Random _random = new(11);
        private readonly bool _jumbo = rig.Memory.Plan.Ports[0].SegmentsMax > 1;

        internal ulong Accepted => _accepted[0] + _accepted[1];

        internal void Pump(TimeSpan time, ulong atLeast)
        {
            ulong until = Accepted + atLeast;
            var clock = Stopwatch.StartNew();
            do
            {
                for (int port = 0; port < 2; port++)
                {
                    for (int burst = _random.Next(20); burst > 0; burst--)
                    {
                        int length = _jumbo && _random.Next(4) == 0 ? 5000 : _random.Next(LabFrame.BytesMin, 1500);
                        byte[] frame = LabFrame.Make(_accepted[port] + 1, length);
                        _accepted[port] += rig.Kernel.Receive(port, frame) ? 1u : 0;
                    }

                    Look(port, (uint)_random.Next(1, 64));
                }

                Thread.Yield();
                Assert.True(clock.Elapsed < Patience, "the traffic stalls");
            }
            while (clock.Elapsed < time || Accepted < until);
        }

        internal void Drain()
        {
            for (var clock = Stopwatch.StartNew(); _seen[0] != _accepted[1] || _seen[1] != _accepted[0]; Thread.Yield())
            {
                Look(0, uint.MaxValue);
                Look(1, uint.MaxValue);
                Assert.True(
                    clock.Elapsed < Patience,
                    $"received {_accepted[0]} and {_accepted[1]}, sent {_seen[1]} and {_seen[0]}");
            }
        }

        internal unsafe void Check(LabLife life)
        {
            for (int port = 0; port < 2; port++)
            {
                PortTraffic traffic = rig.Traffic(port);
                Assert.Equal(0u, life.Ports[port].DropsTotal());
                Assert.Equal(rig.Kernel.Posted(port), life.Ports[port].Pool.FillHeld);
                Assert.Equal(traffic.RxPackets, traffic.LinkPackets);
                Assert.Equal(_accepted[1 - port] + _twice[port], traffic.TxPackets);
                if (!rig.Memory.Plan.Ports[port].Guest)
                {
                    Assert.Equal(_accepted[port], traffic.RxPackets);
                }
            }
        }

        public void Dispose() => rig.Sent[0].Clear();

        private unsafe string DropsOf(int port) => $"drops of port {port}: "
            + string.Join(",", new Span<ulong>(&rig.Memory.Counters(port)->Drops, DropReasons.Count).ToArray());

        // Nothing was dropped, so every number follows the one before.
        private void Look(int port, uint limit)
        {
            List<byte[]> sent = rig.Sent[port];
            rig.Kernel.Send(port, sent, limit);
            rig.Kernel.Complete(port);
            foreach (byte[] frame in sent)
            {
                ulong number = LabFrame.NumberOf(frame);
                if (rig.Memory.Plan.IsWalked && number <= _seen[port])
                {
                    _twice[port]++;
                    continue;
                }

                Assert.True(
                    number == ++_seen[port],
                    $"frame {number} left by port {port}, expected {_seen[port]}; {DropsOf(1 - port)}");
                Assert.True(LabFrame.IsIntact(frame), $"frame {number} is damaged");
            }

            sent.Clear();
        }
    }
}
