using System.Runtime.CompilerServices;

namespace Nf.DataPlane.Frames;

/// <summary>Completes the checksum that a sender left to its network card (VIRTIO_NET_HDR_F_NEEDS_CSUM).</summary>
internal static unsafe class ChecksumCompletion
{
    /// <summary>Bytes of an Ethernet header: no checksum begins before its end.</summary>
    private const uint StartMin = 14;

    /// <summary>Tells whether the frame has the bytes that its offload names.</summary>
    internal static bool IsPossible(in FrameOffload offload, uint length) =>
        (offload.Flags & FrameOffload.NeedsChecksum) == 0
        || (offload.ChecksumStart >= StartMin
            && (uint)offload.ChecksumStart + offload.ChecksumOffset + sizeof(ushort) <= length);

    /// <summary>Completes the checksum in a frame that nobody else can write any more.</summary>
    /// <param name="frame">Its first byte.</param>
    /// <param name="length">Its bytes.</param>
    /// <param name="offload">What was asked for.</param>
    /// <returns>False when the frame does not have the bytes that it names.</returns>
    internal static bool TryComplete(byte* frame, uint length, in FrameOffload offload)
    {
        if (!IsPossible(offload, length))
        {
            return false;
        }

        if ((offload.Flags & FrameOffload.NeedsChecksum) == 0)
        {
            return true;
        }

        // The field holds the sum of the pseudo header, so it is summed like everything else.
        // SAFETY: IsPossible: start and field lie within the frame.
        byte* start = frame + offload.ChecksumStart;
        ushort checksum = InternetChecksum.Finish(InternetChecksum.Sum(start, length - offload.ChecksumStart));

        // Zero says "no checksum" in UDP; for everybody else 0xFFFF is the same number.
        Unsafe.WriteUnaligned(start + offload.ChecksumOffset, checksum == 0 ? ushort.MaxValue : checksum);
        return true;
    }
}
