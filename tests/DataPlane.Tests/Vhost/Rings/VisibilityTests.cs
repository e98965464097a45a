using Nf.DataPlane.Frames;
using Nf.DataPlane.Vhost;

namespace Nf.DataPlane.Tests.Vhost.Rings;

// F14, H07: a driver that looks all the time sees all buffers of a frame, or none.
public class VisibilityTests
{
    private const int Frames = 30_000;
    private const uint Buffers = 3;

    [Theory]
    [InlineData(RingLab.Split | VirtioFeatures.MergeableBuffers)]
    [InlineData(RingLab.Packed | VirtioFeatures.MergeableBuffers)]
    public async Task Enqueue_FramesOfThreeBuffers_AppearWhole(ulong features)
    {
        using var lab = new RingLab(features, 64);
        lab.Driver.SuppressCalls();
        ulong memory = lab.Ram.Take(64 * 128);
        for (uint i = 0; i < 60; i++)
        {
            lab.Driver.Offer(new Piece(memory + (128 * i), 100, Writable: true));
        }

        using var stop = new CancellationTokenSource(TimeSpan.FromMinutes(1));
        Task device = Task.Factory.StartNew(() => Deliver(lab, stop.Token), TaskCreationOptions.LongRunning);
        uint buffer = 0;
        try
        {
            for (int seen = 0; seen < Frames && !stop.IsCancellationRequested;)
            {
                if (!lab.Driver.HasUsed)
                {
                    continue;
                }

                // The first is here, so the others are.
                for (uint i = 0; i < Buffers; i++, buffer = (buffer + 1) % 60)
                {
                    Assert.True(lab.Driver.TryTake(out Returned used), $"frame {seen}: {i} of {Buffers} buffers");
                    Assert.Equal(i == Buffers - 1 ? 62u : 100, used.Length);
                    ulong at = memory + (128 * buffer);
                    Assert.True(i != 0 || lab.Ram.Ref<ushort>(at + 10) == Buffers, "the number of buffers");
                    lab.Driver.Offer(new Piece(at, 100, Writable: true));
                }

                seen++;
            }

            Assert.False(stop.IsCancellationRequested, "not within a minute");
        }
        finally
        {
            stop.Cancel();
            await device;
        }
    }

    private static unsafe void Deliver(RingLab lab, CancellationToken stop)
    {
        byte* bytes = stackalloc byte[250];
        while (!stop.IsCancellationRequested)
        {
            lab.Batch.Clear();
            for (int i = 0; i < 4; i++)
            {
                lab.Batch.Frames[lab.Batch.Count++] = new Frame
                {
                    First = new FrameSpan { Data = bytes, Length = 250 },
                    Length = 250,
                };
            }

            Burst burst = default;
            lab.Ring.Enqueue(FrameSelection.All(lab.Batch), ref burst);
        }
    }
}
