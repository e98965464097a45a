using Nf.SharedMemory.Rings;

namespace Nf.SharedMemory.Tests.Rings;

// Two threads, a small ring, every entry checked. The broken twins do the same steps in the wrong order; a stress that
// did not catch them would prove nothing.
public class RingStressTests
{
    private const uint Size = 64;
    private const ulong Mix = 0x9E3779B97F4A7C15;
    // How long a broken twin leaves its mistake open to the other thread, in yields.
    private const int WindowYields = 20;

    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(60);

    [Fact]
    public void Rings_TwoThreads_EveryEntryArrivesOnceAndWhole() =>
        Assert.Equal(0ul, CountWrong(entries: 1_000_000, submitsEarly: false, releasesEarly: false));

    [Fact]
    public void BrokenTwin_SubmitsBeforeItWrites_IsCaught() =>
        Assert.NotEqual(0ul, CountWrong(entries: 1_000_000, submitsEarly: true, releasesEarly: false));

    [Fact]
    public void BrokenTwin_ReleasesBeforeItReads_IsCaught() =>
        Assert.NotEqual(0ul, CountWrong(entries: 1_000_000, submitsEarly: false, releasesEarly: true));

    private static ulong CountWrong(ulong entries, bool submitsEarly, bool releasesEarly)
    {
        using var memory = new RingMemory(Size, uint.MaxValue - 1000);
        ProducerRing<ulong> producer = memory.CreateProducer();
        ConsumerRing<ulong> consumer = memory.CreateConsumer();
        ulong wrong = 0;
        bool isOver = false;
        var thread = new Thread(() => Produce(ref producer, entries, submitsEarly, ref isOver));
        thread.Start();
        ulong next = 0;
        long deadlineMs = Environment.TickCount64 + (long)Limit.TotalMilliseconds;
        var spin = default(SpinWait);
        while (next < entries && wrong == 0 && Environment.TickCount64 < deadlineMs)
        {
            uint count = consumer.Peek(Size / 2, out uint index);
            if (count == 0)
            {
                spin.SpinOnce(sleep1Threshold: -1);
                continue;
            }

            if (releasesEarly)
            {
                consumer.Release();
                LeaveOpen();
            }

            for (uint i = 0; i < count; i++)
            {
                wrong += consumer[index + i] == next++ * Mix ? 0u : 1u;
            }

            if (!releasesEarly)
            {
                consumer.Release();
            }
        }

        Volatile.Write(ref isOver, true);
        thread.Join();
        Assert.True(wrong > 0 || next == entries, $"only {next} entries in time");
        return wrong;
    }

    private static void Produce(ref ProducerRing<ulong> ring, ulong entries, bool submitsEarly, ref bool isOver)
    {
        ulong next = 0;
        var spin = default(SpinWait);
        while (next < entries && !Volatile.Read(ref isOver))
        {
            uint count = ring.Free((uint)Math.Min(Size / 4, entries - next));
            if (count == 0 || !ring.TryReserve(count, out uint index))
            {
                spin.SpinOnce(sleep1Threshold: -1);
                continue;
            }

            if (submitsEarly)
            {
                ring.Submit();
                LeaveOpen();
            }

            for (uint i = 0; i < count; i++)
            {
                ring[index + i] = next++ * Mix;
            }

            if (!submitsEarly)
            {
                ring.Submit();
            }
        }
    }

    private static void LeaveOpen()
    {
        for (int i = 0; i < WindowYields; i++)
        {
            Thread.Yield();
        }
    }
}
