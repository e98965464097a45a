using System.Diagnostics;
using Nf.DataPlane.Vhost.Rings;

namespace Nf.DataPlane.Tests.Vhost.Rings;

// A stream is followed at a distance; anything else is not kept waiting, and a stream not for long.
public class LagTests
{
    [Theory]
    [MemberData(nameof(RingKinds.Both), MemberType = typeof(RingKinds))]
    public void Dequeue_SingleFrames_AreNeverKeptWaiting(ulong features)
    {
        using var lab = new RingLab(features, 1024);
        for (int i = 0; i < 500; i++)
        {
            lab.Driver.OfferFrame(RingLab.Frame(i, 60));
            Assert.Single(lab.Receive());
        }
    }

    [Theory]
    [InlineData(RingLab.Split, 1024, true)]
    [InlineData(RingLab.Packed, 1024, true)]
    [InlineData(RingLab.Split, 128, false)]
    [InlineData(RingLab.Packed, 128, false)]
    public void Dequeue_AfterAFullBurst_WaitsABoundedTimeForMore(ulong features, uint size, bool waits)
    {
        using var lab = new RingLab(features, size);
        Offer(lab, 70);
        Assert.Equal(64, lab.Receive().Count);
        int looks = 0;
        List<byte[]> frames;
        do
        {
            frames = lab.Receive();
            looks++;
        }
        while (frames.Count == 0 && looks <= LagRule.LooksMax + 1);

        Assert.Equal(6, frames.Count);
        Assert.Equal(waits, looks > 1);

        // The stream is over.
        lab.Driver.OfferFrame(RingLab.Frame(1, 60));
        Assert.Single(lab.Receive());
    }

    [Theory]
    [MemberData(nameof(RingKinds.Both), MemberType = typeof(RingKinds))]
    public void Dequeue_StreamFarAhead_IsTakenAtOnce(ulong features)
    {
        using var lab = new RingLab(features, 1024);
        Offer(lab, 1000);
        for (int i = 0; i < 13; i++)
        {
            // 1000, 936 … 168 are pending.
            Assert.Equal(64, lab.Receive().Count);
        }
    }

    // Whoever waits for us sends nothing more: each wait in vain makes the next one come later.
    [Fact]
    public void MustWait_AlwaysInVain_IsGivenUpLongerEachTime()
    {
        var lag = new LagRule(1024);
        int waits = 0;
        for (int burst = 0; burst < 5000; burst++)
        {
            lag.Took(64);
            if (lag.Threshold > 1)
            {
                long start = Stopwatch.GetTimestamp();
                uint looks = 0;
                while (lag.MustWait())
                {
                    looks++;
                }

                waits++;
                Assert.True(looks <= LagRule.LooksMax, $"{looks} looks, {Stopwatch.GetElapsedTime(start)}");
            }
        }

        Assert.InRange(waits, 5, 12);
    }

    private static void Offer(RingLab lab, int count)
    {
        ulong at = lab.Ram.Take(72);
        for (int i = 0; i < count; i++)
        {
            lab.Driver.Add([new Piece(at, 72)]);
        }

        lab.Driver.Publish();
    }
}
