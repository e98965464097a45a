using System.Runtime.CompilerServices;
using Nf.DataPlane.Frames;

namespace Nf.DataPlane.Tests.Frames;

/// <summary>A frame in a batch, cut into stretches.</summary>
internal sealed unsafe class HeldFrame : IDisposable
{
    private readonly byte[] _bytes;

    internal HeldFrame(byte[] bytes, FrameOffload offload, int stretches = 1)
    {
        _bytes = GC.AllocateUninitializedArray<byte>(bytes.Length + 1, pinned: true);
        bytes.CopyTo(_bytes, 0);
        var data = (byte*)Unsafe.AsPointer(ref _bytes[0]);
        uint part = (uint)(bytes.Length / stretches);
        Batch.Count = 1;
        ref Frame frame = ref Batch.Frames[0];
        frame = new Frame
        {
            First = new FrameSpan { Data = data, Length = stretches == 1 ? (uint)bytes.Length : part },
            Length = (uint)bytes.Length,
            MoreCount = (uint)stretches - 1,
            Offload = offload,
        };
        for (int i = 1; i < stretches; i++)
        {
            uint length = i == stretches - 1 ? (uint)bytes.Length - (part * (uint)i) : part;
            Batch.Spans[Batch.SpanCount++] = new FrameSpan { Data = data + (part * (uint)i), Length = length };
        }
    }

    internal FrameBatch Batch { get; } = new();

    internal ref Frame Frame => ref Batch.Frames[0];

    /// <summary>Copies of the frames of a batch whose frames are one stretch each.</summary>
    internal static IEnumerable<byte[]> BytesOf(FrameBatch batch)
    {
        var frames = new List<byte[]>();
        for (uint i = 0; i < batch.Count; i++)
        {
            Assert.Equal(0u, batch.Frames[i].MoreCount);
            frames.Add(new ReadOnlySpan<byte>(batch.Frames[i].First.Data, (int)batch.Frames[i].Length).ToArray());
        }

        return frames;
    }

    public void Dispose()
    {
        Batch.Dispose();
        GC.KeepAlive(_bytes);
    }
}
