using Nf.DataPlane.Cpumaps;
using Nf.Linux;

namespace Nf.DataPlane.Tests.Cpumaps;

// Case 104: a producer that pushes one token at a time, and a consumer that sleeps before each. A wake-up is lost when
// the consumer waits, its token is in the queue, and nobody has signalled: nothing would ever change that. The broken
// twins do the same steps in the wrong order; a stress that did not catch them would prove nothing.
public class HandoverSleepTests
{
    private const int Tokens = 30_000;

    // How long a twin leaves its mistake open to the other thread, in yields.
    private const int WindowYields = 3;

    [Fact]
    public void Sleep_TokenAtTheLastMoment_WakesEveryTime() => Assert.Equal(0, CountLost(new Twin()));

    [Fact]
    public void BrokenTwin_LooksBeforeItSaysThatItSleeps_IsCaught() => Assert.NotEqual(0, CountLost(new LooksFirst()));

    [Fact]
    public void BrokenTwin_AsksBeforeItPushes_IsCaught() => Assert.NotEqual(0, CountLost(new AsksFirst()));

    private static int CountLost(Twin twin)
    {
        using var ring = new HandoverRing(16);
        using var watch = new Epoll();
        watch.Add(ring.Readiness, EpollEvents.In, 1);
        var events = new EpollEvent[1];
        var consumer = new Consumer(ring, twin);
        var thread = new Thread(consumer.Run);
        thread.Start();
        int lost = 0;
        for (ulong token = 1; token <= Tokens && lost == 0; token++)
        {
            twin.Send(ring, token);
            while (Volatile.Read(ref consumer.Taken) != token)
            {
                // The same sleep before and after: nobody has signalled it in between, and nobody will.
                long sleep = Volatile.Read(ref consumer.Sleep);
                // And the token was not taken just before that sleep.
                if (sleep != 0 && watch.Wait(events, 0) == 0 && Volatile.Read(ref consumer.Sleep) == sleep
                    && Volatile.Read(ref consumer.Taken) != token)
                {
                    lost++;
                    break;
                }

                Thread.Yield();
            }
        }

        Volatile.Write(ref consumer.IsOver, true);
        thread.Join();
        return lost;
    }

    private static void LeaveOpen()
    {
        for (int i = 0; i < WindowYields; i++)
        {
            Thread.Yield();
        }
    }

    private class Twin
    {
        internal virtual void Send(HandoverRing ring, ulong token)
        {
            ring.Push([token]);
            ring.Wake();
        }

        internal virtual bool TrySleep(HandoverRing ring) => ring.TryDoze();
    }

    private sealed class LooksFirst : Twin
    {
        internal override bool TrySleep(HandoverRing ring)
        {
            bool nothing = !ring.HasTokens;
            LeaveOpen();
            Interlocked.Exchange(ref ring.Asleep, 1);
            return nothing;
        }
    }

    private sealed class AsksFirst : Twin
    {
        internal override void Send(HandoverRing ring, ulong token)
        {
            ring.Wake();
            LeaveOpen();
            ring.Push([token]);
        }
    }

    private sealed class Consumer(HandoverRing ring, Twin twin)
    {
        internal bool IsOver;
        internal ulong Taken;
        internal long Sleep; // its number while it sleeps

        private long _sleeps;

        internal void Run()
        {
            using var watch = new Epoll();
            watch.Add(ring.Readiness, EpollEvents.In, 1);
            var events = new EpollEvent[1];
            while (!Volatile.Read(ref IsOver))
            {
                if (ring.TryPeek(out ulong token))
                {
                    ring.Release();
                    Volatile.Write(ref Taken, token);
                    continue;
                }

                if (twin.TrySleep(ring))
                {
                    Volatile.Write(ref Sleep, ++_sleeps);
                    while (watch.Wait(events, 0) == 0 && !Volatile.Read(ref IsOver))
                    {
                        Thread.Yield();
                    }

                    // Before the signal is taken: whoever sees neither sleep nor signal would think it lost.
                    Volatile.Write(ref Sleep, 0);
                    ring.Acknowledge();
                }

                ring.Rouse();
            }
        }
    }
}
