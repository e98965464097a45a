using Nf.DataPlane.Frames;
using Nf.DataPlane.Vhost;
using Nf.Linux;

namespace Nf.DataPlane.Tests.Vhost.Rings;

// G06: two threads that sleep whenever they find nothing, and wake each other. A wake-up that is lost stops both.
public class WakeUpTests
{
    private const int PacketsUnlessTold = 200_000;
    private const int PatienceMs = 20_000;

    [Theory]
    [InlineData(RingLab.Split, 8)]
    [InlineData(RingLab.Split | VirtioFeatures.EventIndex, 8)]
    [InlineData(RingLab.Packed, 8)]
    [InlineData(RingLab.Packed | VirtioFeatures.EventIndex, 8)]
    [InlineData(RingLab.Packed | VirtioFeatures.EventIndex, 5)]
    public async Task TwoThreads_SleepAndWake_EveryPacketArrives(ulong features, uint size)
    {
        int packets = int.TryParse(Environment.GetEnvironmentVariable("NF_WAKEUP_PACKETS"), out int told)
            ? told
            : PacketsUnlessTold;
        using var lab = new RingLab(features, size);
        using EventFd kick = EventFd.Create();
        ulong at = lab.Ram.Take(100);
        Task device = Task.Factory.StartNew(
            () => RunDevice(lab, kick, packets), TaskCreationOptions.LongRunning);
        RunDriver(lab, kick, packets, at, device);
        await device.WaitAsync(TimeSpan.FromMilliseconds(PatienceMs));
    }

    private static void RunDriver(RingLab lab, EventFd kick, int packets, ulong at, Task device)
    {
        using var sleeper = new Sleeper(lab.Driver.Call!, "the driver was not called");
        var random = new Random(2);
        uint inRing = 0;
        int sent = 0;
        int back = 0;
        while (back < packets && !device.IsFaulted)
        {
            while (lab.Driver.TryTake(out _))
            {
                back++;
                inRing--;
            }

            uint room = Math.Min(lab.Driver.Size - inRing, (uint)(packets - sent));
            uint count = Math.Min(room, (uint)random.Next(1, 4));
            for (uint i = 0; i < count; i++, sent++, inRing++)
            {
                lab.Driver.Add([new Piece(at, 72)]);
            }

            if (count > 0)
            {
                lab.Driver.Publish();
                if (lab.Driver.MustKick())
                {
                    kick.Signal();
                }
            }

            // Often it sends nothing more until something came back: only then does a lost wake-up show.
            if (inRing > 0 && (count == 0 || random.Next(4) != 0))
            {
                // Mostly it does not sleep at once: then its next buffer comes just when the device is about to.
                int looks = random.Next(2000);
                while (looks-- > 0 && !lab.Driver.HasUsed)
                {
                    Thread.SpinWait(1);
                }

                SleepUntilUsed(lab, sleeper);
                Thread.SpinWait(random.Next(20));
            }
        }
    }

    private static void SleepUntilUsed(RingLab lab, Sleeper sleeper)
    {
        lab.Driver.EnableCalls();
        while (!lab.Driver.HasUsed)
        {
            sleeper.Sleep();
        }

        lab.Driver.SuppressCalls();
    }

    private static void RunDevice(RingLab lab, EventFd kick, int packets)
    {
        using var sleeper = new Sleeper(kick, "the device was not kicked");
        using var batch = new FrameBatch();
        ulong taken = 0;
        while (taken < (ulong)packets)
        {
            Burst burst = default;
            batch.Clear();
            lab.Ring.Dequeue(batch, 2, ref burst);
            lab.Ring.Complete();
            lab.Ring.Notify();
            taken += burst.RxPackets;
            if (burst.RxPackets == 0 && taken < (ulong)packets && lab.Ring.EnableKicks())
            {
                sleeper.Sleep();
                lab.Ring.DisableKicks();
            }
        }
    }

    /// <summary>Waits for a signal, but not for ever.</summary>
    private sealed class Sleeper : IDisposable
    {
        private readonly EventFd _signal;
        private readonly string _complaint;
        private readonly Epoll _epoll = new();
        private readonly EpollEvent[] _events = new EpollEvent[1];

        internal Sleeper(EventFd signal, string complaint)
        {
            _signal = signal;
            _complaint = complaint;
            _epoll.Add(signal.Descriptor, EpollEvents.In, 0);
        }

        internal void Sleep()
        {
            Assert.True(_epoll.Wait(_events, PatienceMs) == 1, _complaint);
            _signal.TryDrain();
        }

        public void Dispose() => _epoll.Dispose();
    }
}
