using Nf.DataPlane.Frames;
using Nf.DataPlane.Vhost;
using Nf.DataPlane.Vhost.Rings;

namespace Nf.DataPlane.Tests.Vhost.Rings;

// F13, H11: another thread writes anything anywhere into the ring and its tables while it is worked on. Nothing
// outside the guest's memory may be named, nothing may run on for ever, and nothing may throw.
public unsafe class MutatorTests
{
    private const ulong Features = VirtioFeatures.IndirectDescriptors | VirtioFeatures.EventIndex |
        VirtioFeatures.Checksum | VirtioFeatures.HostTso4;

    private const int RoundsUnlessTold = 100_000;

    private long _mutations;
    private long _rounds;

    [Theory]
    [InlineData(RingLab.Split | Features, 16)]
    [InlineData(RingLab.Split | Features | VirtioFeatures.MergeableBuffers, 256)]
    [InlineData(RingLab.Packed | Features, 16)]
    [InlineData(RingLab.Packed | Features | VirtioFeatures.MergeableBuffers, 255)]
    public void Bursts_MemoryChangesMeanwhile_StayInsideTheGuest(ulong features, uint size)
    {
        using var lab = new RingLab(features, size, 1 << 20, 1 << 20);
        lab.Ram.Take(4096, 4096);
        int rounds = int.TryParse(Environment.GetEnvironmentVariable("NF_MUTATOR_ROUNDS"), out int told)
            ? told
            : RoundsUnlessTold;
        using var stop = new CancellationTokenSource();
        var mutator = new Thread(() => Mutate(lab, stop.Token)) { IsBackground = true };
        mutator.Start();
        ulong frames = 0;
        ulong faults = 0;
        try
        {
            byte* source = stackalloc byte[2000];
            for (int round = 0; round < rounds; round++)
            {
                Volatile.Write(ref _rounds, round);
                while (Volatile.Read(ref _mutations) < 4 * round)
                {
                    Thread.Yield();
                }

                frames += Receive(lab);
                frames += Send(lab, source, (uint)(round % 1900) + 14);
                lab.Ring.Notify();
                lab.Ring.EnableKicks();
                _ = lab.Ring.Pending;
                lab.Ring.DisableKicks();
                if (lab.Ring.Fault != RingFault.None)
                {
                    faults++;
                    lab.Ring = lab.Driver.Start(
                        lab.Driver.IsPacked ? (uint)round % size * 0x1_0001 : lab.SplitSide.UsedIndex);
                }
            }
        }
        finally
        {
            stop.Cancel();
            mutator.Join();
        }

        // It was worth it only if both happened.
        Assert.True(frames > 0 && faults > 0, $"{frames} frames, {faults} faults in {rounds} rounds");
    }

    // Each stretch is in the mapping of one region: with two regions that are apart, no other test is needed.
    private static uint Receive(RingLab lab)
    {
        FrameBatch batch = lab.Batch;
        batch.Clear();
        Burst burst = default;
        lab.Ring.Dequeue(batch, FrameBatch.CountMax, ref burst);
        for (uint i = 0; i < batch.Count; i++)
        {
            Frame frame = batch.Frames[i];
            ulong sum = frame.First.Length;
            AssertInside(lab, frame.First);
            for (uint j = 0; j < frame.MoreCount; j++)
            {
                AssertInside(lab, batch.Spans[frame.MoreFirst + j]);
                sum += batch.Spans[frame.MoreFirst + j].Length;
            }

            Assert.True(sum == frame.Length && sum is >= 14 and <= 65550, $"a frame of {sum} bytes");
            Assert.True(
                frame.Offload.IsFinished ||
                frame.Offload.ChecksumStart + frame.Offload.ChecksumOffset + 2 <= frame.Length);
        }

        lab.Ring.Complete();
        return batch.Count;
    }

    private static uint Send(RingLab lab, byte* source, uint length)
    {
        FrameBatch batch = lab.Batch;
        batch.Clear();
        batch.Frames[batch.Count++] = new Frame
        {
            First = new FrameSpan { Data = source, Length = length },
            Length = length,
        };
        Burst burst = default;
        lab.Ring.Enqueue(FrameSelection.All(batch), ref burst);
        Assert.Equal(1u, burst.TxPackets + burst.Dropped);
        return burst.TxPackets;
    }

    private static void AssertInside(RingLab lab, FrameSpan span)
    {
        foreach (ulong region in (ulong[])[GuestRam.Start, GuestRam.Start + (1 << 20)])
        {
            byte* start = lab.Ram.DeviceAt(region, 1 << 20);
            if (span.Data >= start && span.Data < start + (1 << 20))
            {
                Assert.True(span.Length <= (ulong)(start + (1 << 20) - span.Data), "over the end of its region");
                return;
            }
        }

        Assert.Fail("outside the memory of the guest");
    }

    // Mostly what a driver would write, so that chains get far; and anything at all now and then.
    private void Mutate(RingLab lab, CancellationToken stop)
    {
        var random = new Random(1);
        while (!stop.IsCancellationRequested)
        {
            Volatile.Write(ref _mutations, _mutations + 1);
            ulong at = lab.Driver.DescriptorsAddress + (16 * (ulong)random.Next((int)lab.Driver.Size));
            bool isWild = random.Next(50) == 0;
            switch (random.Next(6))
            {
                case 0:
                    lab.Ram.Ref<ulong>(at) = isWild
                        ? (ulong)random.NextInt64()
                        : GuestRam.Start + (ulong)random.Next((2 << 20) + 100);
                    break;
                case 1:
                    lab.Ram.Ref<uint>(at + 8) = isWild ? (uint)random.Next() : 16 * (uint)random.Next(128);
                    break;
                case 2:
                    lab.Ram.Ref<ulong>(GuestRam.Start + (8 * (ulong)random.Next(100_000))) =
                        (ulong)random.NextInt64();
                    break;
                default:
                    if (lab.Driver.IsPacked)
                    {
                        MutatePacked(lab, random, isWild);
                    }
                    else
                    {
                        MutateSplit(lab, random, isWild, at);
                    }

                    break;
            }
        }
    }

    private static void MutateSplit(RingLab lab, Random random, bool isWild, ulong at)
    {
        SplitDriver driver = lab.SplitSide;
        lab.Ram.Ref<ushort>(at + 12) = (ushort)(isWild ? random.Next() : random.Next(8));
        lab.Ram.Ref<ushort>(at + 14) = (ushort)(isWild ? random.Next() : random.Next((int)driver.Size));
        driver.Slot((uint)random.Next()) = (ushort)(isWild ? random.Next() : random.Next((int)driver.Size));
        driver.AvailableIndex = (ushort)(isWild ? random.Next() : driver.UsedIndex + random.Next((int)driver.Size / 2));
    }

    // Makes what the device looks at next available, more or less.
    private void MutatePacked(RingLab lab, Random random, bool isWild)
    {
        PackedDriver driver = lab.PackedSide;
        var next = PackedPosition.Of(lab.Ring.Base);
        var position = next.Plus((uint)random.Next((int)driver.Size / 2), driver.Size);
        if (position.Index < driver.Size)
        {
            ushort flags = (ushort)(position.AvailableFlags | random.Next(8));
            driver.Flags(position.Index) = (ushort)(isWild ? random.Next() : flags);
        }

        if (isWild && random.Next(20) == 0)
        {
            for (uint i = 0; i < driver.Size; i++)
            {
                driver.Flags(i) = (ushort)(next.AvailableFlags | PackedDriver.Next);
            }

            // It must stay like that until the device has come by.
            long seen = Volatile.Read(ref _rounds);
            for (int i = 0; i < 10_000 && Volatile.Read(ref _rounds) < seen + 2; i++)
            {
                Volatile.Write(ref _mutations, _mutations + 1);
                Thread.Yield();
            }
        }
    }
}
