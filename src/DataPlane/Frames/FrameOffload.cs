using System.Runtime.InteropServices;

namespace Nf.DataPlane.Frames;

/// <summary>
/// What a sender left to the network card: a checksum to complete, a segmentation to do. All zero for a frame that is
/// finished.
/// </summary>
/// <remarks>
/// The fields of struct virtio_net_hdr (virtio 1.3, 5.1.6), checked against the frame's length by the port that
/// received it, and to be checked against its headers by whoever finishes it.
/// </remarks>
[StructLayout(LayoutKind.Sequential)]
internal struct FrameOffload
{
    /// <summary>The checksum from <see cref="ChecksumStart"/> on is to be completed
    /// (VIRTIO_NET_HDR_F_NEEDS_CSUM).</summary>
    internal const byte NeedsChecksum = 1;

    /// <summary>VIRTIO_NET_HDR_GSO_NONE.</summary>
    internal const byte SegmentNone = 0;

    /// <summary>VIRTIO_NET_HDR_GSO_TCPV4.</summary>
    internal const byte SegmentTcp4 = 1;

    /// <summary>VIRTIO_NET_HDR_GSO_TCPV6.</summary>
    internal const byte SegmentTcp6 = 4;

    /// <summary>VIRTIO_NET_HDR_GSO_ECN, beside one of the TCP types.</summary>
    internal const byte SegmentEcn = 0x80;

    /// <summary>0 or <see cref="NeedsChecksum"/>.</summary>
    internal byte Flags;

    /// <summary>One of the Segment constants.</summary>
    internal byte SegmentType;

    /// <summary>Bytes of payload per segment (gso_size).</summary>
    internal ushort SegmentBytes;

    /// <summary>Offset in the frame from which the checksum is summed.</summary>
    internal ushort ChecksumStart;

    /// <summary>Offset from <see cref="ChecksumStart"/> at which it is stored.</summary>
    internal ushort ChecksumOffset;

    /// <summary>Bytes of the headers, as the sender says (hdr_len): a hint, never to be relied on.</summary>
    internal ushort HeaderBytesHint;

    /// <summary>True when nothing is left to do.</summary>
    internal readonly bool IsFinished => (Flags | SegmentType) == 0;
}
