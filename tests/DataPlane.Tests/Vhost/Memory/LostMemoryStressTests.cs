using Nf.DataPlane.Tests.Control;
using Nf.DataPlane.Tests.Vhost.Rings;
using Nf.DataPlane.Vhost.Rings;

namespace Nf.DataPlane.Tests.Vhost.Memory;

/// <summary>D18: memory goes at whatever moment, under a collector that stops every thread again and again. It would
/// hold up other tests, and they it.</summary>
[Collection(Alone.Name)]
public class LostMemoryStressTests
{
    [Theory]
    [MemberData(nameof(RingKinds.Both), MemberType = typeof(RingKinds))]
    public void Run_MemoryGoesAtAnyMoment_ProcessLives(ulong features)
    {
        using var stop = new CancellationTokenSource();
        var collector = new Thread(() =>
        {
            while (!stop.IsCancellationRequested)
            {
                GC.Collect(0);
            }
        })
        {
            IsBackground = true,
        };
        collector.Start();
        var random = new Random(3);
        for (int round = 0; round < 40; round++)
        {
            using RingLab lab = LostMemory.Offering(features);
            int spins = random.Next(20_000);
            int region = round % 2;
            var peer = new Thread(() =>
            {
                Thread.SpinWait(spins);
                lab.Ram.Shrink(region, 4096 * (spins % 4));
                lab.Ram.Shrink(region);
            });
            peer.Start();
            while (peer.IsAlive)
            {
                LostMemory.Step(lab);
            }

            peer.Join();
            LostMemory.RunUntilGivenUp(lab);
            Assert.Equal(lab.Ram.Memory.IsLost ? RingFault.MemoryLost : RingFault.None, lab.Ring.Fault);
            Assert.True(region == 1 || lab.Ram.Memory.IsLost, "the ring went on without its memory");
        }

        stop.Cancel();
        collector.Join();
    }
}
