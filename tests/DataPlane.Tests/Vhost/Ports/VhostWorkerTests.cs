using System.Diagnostics;
using Nf.DataPlane.Lab;
using Nf.DataPlane.Vhost;
using Nf.DataPlane.Vhost.Rings;
using Nf.SharedMemory.Segments;

namespace Nf.DataPlane.Tests.Vhost.Ports;

// The worker's thread and guests that kick it.
public sealed unsafe class VhostWorkerTests : IDisposable
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(60);

    private VhostRig _rig = null!;

    private Worker Worker => _rig.Lab.Life.Worker;

    private WorkerCounters* Counters => _rig.Lab.Memory.WorkerCounters;

    public void Dispose()
    {
        Worker.Dispose();
        _rig.Dispose();
    }

    public static TheoryData<ulong> Kinds =>
    [
        GuestSide.Plain, GuestSide.Plain | VirtioFeatures.EventIndex, GuestSide.Plain | VirtioFeatures.RingPacked,
        GuestSide.Plain | VirtioFeatures.RingPacked | VirtioFeatures.EventIndex,
    ];

    // A driver kicks when it is asked to, and never else: one kick that is lost, and the frame stays where it is.
    [Theory]
    [MemberData(nameof(Kinds))]
    public void Sleep_GuestSendsAfterAnyPause_IsHeard(ulong features)
    {
        _rig = new VhostRig(new GuestSide(1, features).Start());
        GuestSide guest = _rig.Guests[0];
        Worker.Start();
        var random = new Random(4);
        for (int i = 0; i < 3000; i++)
        {
            Assert.True(guest.Send(LabFrame.Make((ulong)i, 60)));
            if (guest.FromGuest.MustKick())
            {
                guest.Kick.Signal();
            }

            Wait(() => guest.OnTheWay == 0, $"frame {i}");

            // Around the time that a worker takes to fall asleep.
            for (long until = Stopwatch.GetTimestamp() + (random.Next(60) * Stopwatch.Frequency / 1_000_000);
                Stopwatch.GetTimestamp() < until;)
            {
                Thread.SpinWait(10);
            }
        }

        Worker.Invoke(() => { });
        Assert.Equal(3000u, guest.Port.Traffic.RxPackets);
        Assert.True(Counters->Sleeps > 100, $"slept {Counters->Sleeps} times only");
        Assert.True(guest.Port.Vhost.KicksReceived > 10, $"{guest.Port.Vhost.KicksReceived} kicks");
    }

    [Fact]
    public void Sleep_NothingToDo_PollsNoMoreWhateverWasKickedBefore()
    {
        _rig = new VhostRig(new GuestSide(1).Start());
        Worker.Start();
        _rig.Guests[0].Kick.Signal();
        Wait(() => Volatile.Read(ref Counters->Sleeps) >= 2, "sleeps");
        using var pause = new ManualResetEventSlim();
        pause.Wait(100);
        ulong polls = Volatile.Read(ref Counters->Polls);
        pause.Wait(300);
        Assert.InRange(Volatile.Read(ref Counters->Polls), polls, polls + 20);
        Assert.True(_rig.Guests[0].FromGuest.MustKick(), "the guest was not asked to kick");
    }

    [Fact]
    public void Sleep_RingWithoutKicks_IsPolledAllTheSame()
    {
        _rig = new VhostRig(new GuestSide(1).Start(kicks: false));
        GuestSide guest = _rig.Guests[0];
        Assert.True(guest.Port.MustBePolled);
        Worker.Start();
        for (ulong i = 0; i < 20; i++)
        {
            ulong sleeps = Volatile.Read(ref Counters->Sleeps);
            Wait(() => Volatile.Read(ref Counters->Sleeps) > sleeps + 1, "a sleep");
            guest.Send(LabFrame.Make(i, 60));
            Wait(() => guest.OnTheWay == 0, $"frame {i}");
        }
    }

    [Fact]
    public void SetRing_WhileAsleep_OtherKickWakes()
    {
        _rig = new VhostRig(new GuestSide(1).Start());
        GuestSide guest = _rig.Guests[0];
        Worker.Start();
        for (ulong i = 0; i < 50; i++)
        {
            using var other = Nf.Linux.EventFd.Create();
            ulong sleeps = Volatile.Read(ref Counters->Sleeps);
            Worker.Invoke(() => guest.Port.SetRing(guestSends: true, guest.Sending, other));
            Wait(() => Volatile.Read(ref Counters->Sleeps) > sleeps, "a sleep");
            guest.Send(LabFrame.Make(i, 60));
            Wait(guest.FromGuest.MustKick, "the wish to be kicked");
            other.Signal();
            Wait(() => guest.OnTheWay == 0, $"frame {i}");
            Worker.Invoke(() => guest.Port.SetRing(guestSends: true, guest.Sending, guest.Kick));
        }
    }

    [Fact]
    public void Storm_OfKicks_CostsNobodyElseHisFrames()
    {
        _rig = new VhostRig(new GuestSide(1).Start(), new GuestSide(2).Start(), new GuestSide(3).Start());
        GuestSide from = _rig.Guests[1];
        GuestSide to = _rig.Guests[2];
        VhostRig.Link(from.Port, to.Port);
        Worker.Start();
        bool over = false;
        var storm = new Thread(() =>
        {
            while (!Volatile.Read(ref over))
            {
                _rig.Guests[0].Kick.Signal();
            }
        });
        storm.Start();
        try
        {
            for (ulong i = 0; i < 500; i++)
            {
                to.Offer(1);
                from.Send(LabFrame.Make(i, 60));
                from.Kick.Signal();
                var got = new List<GuestFrame>();
                Wait(
                    () =>
                    {
                        got.AddRange(to.Take());
                        return got.Count != 0;
                    },
                    $"frame {i}");
            }
        }
        finally
        {
            Volatile.Write(ref over, true);
            storm.Join();
        }

        Worker.Invoke(() => { });
        Assert.Equal(0u, from.Port.DropsTotal());
    }

    [Fact]
    public void Stop_UnderTraffic_GivesBackEverythingItTook()
    {
        _rig = new VhostRig(new GuestSide(1).Start());
        GuestSide guest = _rig.Guests[0];
        Worker.Start();
        ulong sent = 0;
        for (int i = 0; i < 100; i++)
        {
            for (int n = 0; n < 40 && guest.Send(LabFrame.Make(sent, 60)); n++)
            {
                sent++;
            }

            guest.Kick.Signal();
            uint from = 0;
            Worker.Invoke(() =>
            {
                guest.Port.SetRing(guestSends: true, null, null);
                from = guest.Sending!.Base;
            });
            int before = guest.OnTheWay;
            Thread.Yield();
            Assert.Equal(before, guest.OnTheWay);
            Virtqueue again = guest.FromGuest.Start(from);
            Worker.Invoke(() => guest.Restart(again));
        }

        Wait(() => guest.OnTheWay == 0, "the rest");
        Worker.Invoke(() => { });
        Assert.Equal(sent, guest.Port.Traffic.RxPackets);
    }

    private static void Wait(Func<bool> condition, string what)
    {
        for (var clock = Stopwatch.StartNew(); !condition(); Thread.Yield())
        {
            Assert.True(clock.Elapsed < Patience, $"waited for {what}");
        }
    }
}
