using Nf.DataPlane.Frames;
using Nf.DataPlane.Vhost;
using Nf.DataPlane.Vhost.Rings;
using Nf.SharedMemory.Segments;

namespace Nf.DataPlane.Tests.Vhost.Rings;

/// <summary>A ring with both of its sides, and frames for it.</summary>
internal sealed unsafe class RingLab : IDisposable
{
    internal const ulong Split = VirtioFeatures.Version1;
    internal const ulong Packed = VirtioFeatures.Version1 | VirtioFeatures.RingPacked;

    internal RingLab(ulong features, uint size = 256, params ulong[] regionBytes)
    {
        Ram = new GuestRam(regionBytes);
        Driver = RingDriver.Make(Ram, size, features);
        Ring = Driver.Start();
    }

    internal GuestRam Ram { get; }

    internal RingDriver Driver { get; }

    internal SplitDriver SplitSide => (SplitDriver)Driver;

    internal PackedDriver PackedSide => (PackedDriver)Driver;

    internal Virtqueue Ring { get; set; }

    internal FrameBatch Batch { get; } = new();

    internal Burst Burst;

    internal uint HeaderBytes => VirtioFeatures.HeaderBytes(Driver.Features);

    /// <summary>Stops and starts the ring, as a change of its setup does.</summary>
    internal void Restart() => Ring = Driver.Start(Ring.Base);

    /// <summary>A frame with known bytes.</summary>
    internal static byte[] Frame(int seed, int length)
    {
        byte[] frame = new byte[length];
        new Random(seed).NextBytes(frame);
        return frame;
    }

    /// <summary>Takes a burst; what is in the batch stays until the next.</summary>
    internal Burst Dequeue(uint max = FrameBatch.CountMax)
    {
        Batch.Clear();
        Burst burst = default;
        Ring.Dequeue(Batch, max, ref burst);
        Burst = burst;
        return burst;
    }

    /// <summary>Takes what there is and gives the chains back.</summary>
    internal List<byte[]> Receive()
    {
        List<byte[]> frames = [];
        Dequeue();
        for (uint i = 0; i < Batch.Count; i++)
        {
            frames.Add(Bytes(i));
        }

        Ring.Complete();
        return frames;
    }

    /// <summary>Bytes of a frame in the batch.</summary>
    internal byte[] Bytes(uint index)
    {
        Frame* frame = Batch.Frames + index;
        List<byte> bytes = [.. new ReadOnlySpan<byte>(frame->First.Data, (int)frame->First.Length)];
        for (uint i = 0; i < frame->MoreCount; i++)
        {
            FrameSpan span = Batch.Spans[frame->MoreFirst + i];
            bytes.AddRange(new ReadOnlySpan<byte>(span.Data, (int)span.Length));
        }

        Assert.Equal((int)frame->Length, bytes.Count);
        return [.. bytes];
    }

    /// <summary>Delivers frames in one call.</summary>
    internal Burst Deliver(params byte[][] frames) => Deliver(default, 1, frames);

    /// <summary>Delivers frames in one call, each cut into stretches.</summary>
    internal Burst Deliver(FrameOffload offload, int stretches, params byte[][] frames)
    {
        Batch.Clear();
        byte[] all = GC.AllocateArray<byte>(frames.Sum(f => f.Length), pinned: true);
        int at = 0;
        foreach (byte[] frame in frames)
        {
            frame.CopyTo(all, at);
            Add((byte*)System.Runtime.CompilerServices.Unsafe.AsPointer(ref all[at]), (uint)frame.Length, stretches);
            Batch.Frames[Batch.Count - 1].Offload = offload;
            at += frame.Length;
        }

        Burst burst = default;
        Ring.Enqueue(FrameSelection.All(Batch), ref burst);
        GC.KeepAlive(all);
        Burst = burst;
        return burst;
    }

    private void Add(byte* data, uint length, int stretches)
    {
        Frame* frame = Batch.Frames + Batch.Count++;
        uint first = length / (uint)stretches;
        *frame = new Frame { Length = length, MoreFirst = Batch.SpanCount, MoreCount = (uint)stretches - 1 };
        frame->First = new FrameSpan { Data = data, Length = stretches == 1 ? length : first };
        uint done = frame->First.Length;
        for (int i = 1; i < stretches; i++)
        {
            uint part = i == stretches - 1 ? length - done : first;
            Batch.Spans[Batch.SpanCount++] = new FrameSpan { Data = data + done, Length = part };
            done += part;
        }
    }

    /// <summary>Signals that the driver found, cleared.</summary>
    internal bool WasCalled() => Driver.Call!.TryDrain();

    internal uint Drops(DropReason reason) => Burst.Drops[(int)reason];

    public void Dispose()
    {
        Batch.Dispose();
        Driver.Dispose();
        Ram.Dispose();
    }
}

/// <summary>Features of split and packed rings, for tests of what both do.</summary>
public static class RingKinds
{
    public static TheoryData<ulong> Both => [RingLab.Split, RingLab.Packed];
}
