using System.Runtime.InteropServices;
using Nf.DataPlane.Frames;

namespace Nf.DataPlane.Vhost.Rings;

/// <summary>
/// struct virtio_net_hdr (virtio 1.3, 5.1.6): a private copy of the bytes before a frame, and what they mean.
/// </summary>
[StructLayout(LayoutKind.Explicit, Size = 16)]
internal struct NetHeader
{
    /// <summary>Bytes up to num_buffers: what the legacy form has.</summary>
    internal const uint BytesLegacy = 10;

    /// <summary>Bytes with num_buffers.</summary>
    internal const uint BytesFull = 12;

    /// <summary>Shortest frame: an Ethernet header.</summary>
    internal const uint FrameBytesMin = 14;

    /// <summary>Longest frame that passes: 64 KiB of IP packet behind an Ethernet header.</summary>
    internal const uint FrameBytesMax = 65550;

    [FieldOffset(0)]
    internal byte Flags;

    [FieldOffset(1)]
    internal byte SegmentType;

    [FieldOffset(2)]
    internal ushort HeaderBytes;

    [FieldOffset(4)]
    internal ushort SegmentBytes;

    [FieldOffset(6)]
    internal ushort ChecksumStart;

    [FieldOffset(8)]
    internal ushort ChecksumOffset;

    /// <summary>num_buffers: how many chains the frame takes.</summary>
    [FieldOffset(10)]
    internal ushort BufferCount;

    /// <summary>The first eight bytes at once.</summary>
    [FieldOffset(0)]
    internal ulong Low;

    /// <summary>The last four.</summary>
    [FieldOffset(8)]
    internal uint High;

    /// <summary>The header before a frame that is handed to a guest.</summary>
    internal static NetHeader Of(in FrameOffload offload, uint bufferCount) => offload.IsFinished
        ? new NetHeader { BufferCount = (ushort)bufferCount }
        : new NetHeader
        {
            Flags = offload.Flags,
            SegmentType = offload.SegmentType,
            HeaderBytes = offload.HeaderBytesHint,
            SegmentBytes = offload.SegmentBytes,
            ChecksumStart = offload.ChecksumStart,
            ChecksumOffset = offload.ChecksumOffset,
            BufferCount = (ushort)bufferCount,
        };

    /// <summary>What a guest left undone, when it may and the frame is long enough for it.</summary>
    /// <param name="features">What the driver accepted.</param>
    /// <param name="frameBytes">Bytes behind the header.</param>
    /// <param name="offload">All zero when nothing is left to do.</param>
    /// <returns>False when what it asks for is not allowed or cannot be done.</returns>
    internal readonly bool TryJudge(ulong features, uint frameBytes, out FrameOffload offload)
    {
        offload = default;
        bool needsChecksum = (Flags & FrameOffload.NeedsChecksum) != 0;
        if (!needsChecksum)
        {
            // Segments cannot be cut without a checksum to compute for each. Other flags mean nothing from a driver.
            return SegmentType == FrameOffload.SegmentNone;
        }

        bool fits = ChecksumStart >= FrameBytesMin && (uint)ChecksumStart + ChecksumOffset + 2 <= frameBytes;
        if ((features & VirtioFeatures.Checksum) == 0 || !fits || !IsSegmentTypeAllowed(features))
        {
            return false;
        }

        offload.Flags = FrameOffload.NeedsChecksum;
        offload.ChecksumStart = ChecksumStart;
        offload.ChecksumOffset = ChecksumOffset;
        offload.HeaderBytesHint = HeaderBytes;
        offload.SegmentType = SegmentType;
        offload.SegmentBytes = SegmentType == FrameOffload.SegmentNone ? (ushort)0 : SegmentBytes;
        return true;
    }

    private readonly bool IsSegmentTypeAllowed(ulong features)
    {
        if (SegmentType == FrameOffload.SegmentNone)
        {
            return true;
        }

        ulong needed = (SegmentType & ~FrameOffload.SegmentEcn) switch
        {
            FrameOffload.SegmentTcp4 => VirtioFeatures.HostTso4,
            FrameOffload.SegmentTcp6 => VirtioFeatures.HostTso6,
            _ => 0,
        };
        if (needed == 0)
        {
            return false;
        }

        if ((SegmentType & FrameOffload.SegmentEcn) != 0)
        {
            needed |= VirtioFeatures.HostEcn;
        }

        return (features & needed) == needed && SegmentBytes != 0;
    }
}
