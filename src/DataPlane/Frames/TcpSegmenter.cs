using System.Buffers.Binary;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace Nf.DataPlane.Frames;

/// <summary>Cuts a large TCP frame into segments as a network card would (VIRTIO_NET_HDR_GSO_TCPV4, TCPV6).</summary>
/// <remarks>
/// Headers are parsed from a private copy, once; what the sender says of lengths (hdr_len, the IP length) is not used.
/// </remarks>
internal sealed unsafe class TcpSegmenter : IDisposable
{
    /// <summary>
    /// Most segments of a frame: 64 KiB at 256 bytes. A sender with smaller ones is refused, because each costs as much
    /// as a large one. Arbitrary.
    /// </summary>
    internal const uint CountMax = 256;

    private const byte FlagFin = 0x01;
    private const byte FlagPush = 0x08;
    private const byte FlagCongestionReduced = 0x80;
    private const ushort ChecksumOffset = 16;

    private byte* _header;
    private TcpHeaders _at;
    private FrameReader _payload;
    private uint _left;
    private uint _segmentBytes;
    private uint _sequence;
    private ushort _id;
    private byte _flags;
    private ulong _addresses;

    // SAFETY: freed by Dispose only, which comes after the last use.
    internal TcpSegmenter() => _header = (byte*)NativeMemory.AlignedAlloc(TcpHeaders.BytesMax, 64);

    /// <summary>Bytes of the largest segment with its headers.</summary>
    internal uint FrameBytesMax => _at.Payload + _segmentBytes;

    /// <summary>True while segments are left to be written.</summary>
    internal bool HasMore => _left != 0;

    private bool IsFirst { get; set; }

    /// <summary>Begins with a frame.</summary>
    /// <returns>False when its bytes do not allow what its offload asks for.</returns>
    internal bool TryBegin(FrameBatch batch, in Frame frame)
    {
        FrameOffload offload = frame.Offload;
        bool isIp6 = (offload.SegmentType & ~FrameOffload.SegmentEcn) == FrameOffload.SegmentTcp6;
        uint copied = Math.Min(frame.Length, TcpHeaders.BytesMax);

        // SAFETY: BytesMax bytes were allocated, no more are copied.
        new FrameReader(batch, frame).Read(_header, copied);
        _left = 0;
        if (!TcpHeaders.TryParse(new ReadOnlySpan<byte>(_header, (int)copied), isIp6, out _at)
            || offload.SegmentBytes == 0 || (offload.Flags & FrameOffload.NeedsChecksum) == 0
            || offload.ChecksumStart != _at.Tcp || offload.ChecksumOffset != ChecksumOffset
            || frame.Length <= _at.Payload)
        {
            return false;
        }

        _segmentBytes = Math.Min(offload.SegmentBytes, frame.Length - _at.Payload);
        if ((frame.Length - _at.Payload + _segmentBytes - 1) / _segmentBytes > CountMax
            || _at.Payload - _at.Ip + _segmentBytes > ushort.MaxValue)
        {
            return false;
        }

        _left = frame.Length - _at.Payload;
        _payload = new FrameReader(batch, frame);
        _payload.Skip(_at.Payload);
        Remember();
        return true;
    }

    /// <summary>Writes the next segment.</summary>
    /// <param name="target">Room for <see cref="FrameBytesMax"/> bytes.</param>
    /// <returns>Its length.</returns>
    internal uint Write(byte* target)
    {
        uint part = Math.Min(_segmentBytes, _left);
        uint length = _at.Payload + part;

        // SAFETY: the caller vouches for the target; headers and part are no more than FrameBytesMax.
        Unsafe.CopyBlockUnaligned(target, _header, _at.Payload);
        _payload.Read(target + _at.Payload, part);
        var frame = new Span<byte>(target, (int)length);
        if (_at.IsIp6)
        {
            uint ip6Payload = length - _at.Ip - 40;
            BinaryPrimitives.WriteUInt16BigEndian(frame[((int)_at.Ip + 4)..], (ushort)ip6Payload);
        }
        else
        {
            WriteIp4(frame[(int)_at.Ip..(int)_at.Tcp], (ushort)(length - _at.Ip), target + _at.Ip);
        }

        WriteTcp(frame[(int)_at.Tcp..], target + _at.Tcp, isLast: part == _left);
        _left -= part;
        _sequence += part;
        _id++;
        IsFirst = false;
        return length;
    }

    public void Dispose()
    {
        // SAFETY: allocated by the constructor; null after the first call, which frees nothing.
        NativeMemory.AlignedFree(_header);
        _header = null;
    }

    private void Remember()
    {
        // SAFETY: TcpHeaders.TryParse found the headers whole within the copy.
        var header = new ReadOnlySpan<byte>(_header, TcpHeaders.BytesMax);
        _sequence = BinaryPrimitives.ReadUInt32BigEndian(header[((int)_at.Tcp + 4)..]);
        _flags = header[(int)_at.Tcp + 13];
        _id = BinaryPrimitives.ReadUInt16BigEndian(header[((int)_at.Ip + 4)..]);
        _addresses = _at.IsIp6
            ? InternetChecksum.Sum(_header + _at.Ip + 8, 32)
            : InternetChecksum.Sum(_header + _at.Ip + 12, 8);
        IsFirst = true;
    }

    private void WriteIp4(Span<byte> header, ushort length, byte* at)
    {
        BinaryPrimitives.WriteUInt16BigEndian(header[2..], length);
        BinaryPrimitives.WriteUInt16BigEndian(header[4..], _id);

        // SAFETY: at is where the span begins; Unaligned because nothing aligns a frame.
        Unsafe.WriteUnaligned(at + 10, (ushort)0);
        Unsafe.WriteUnaligned(at + 10, InternetChecksum.Finish(InternetChecksum.Sum(at, (uint)header.Length)));
    }

    // The end of the stream and what is urgent for the receiver come with the last segment, the sender's answer to
    // congestion with the first (RFC 3168, 6.1.2).
    private void WriteTcp(Span<byte> segment, byte* at, bool isLast)
    {
        byte flags = _flags;
        flags &= isLast ? byte.MaxValue : unchecked((byte)~(FlagFin | FlagPush));
        flags &= IsFirst ? byte.MaxValue : unchecked((byte)~FlagCongestionReduced);
        BinaryPrimitives.WriteUInt32BigEndian(segment[4..], _sequence);
        segment[13] = flags;

        // SAFETY: at is where the span begins.
        Unsafe.WriteUnaligned(at + ChecksumOffset, (ushort)0);
        ulong sum = _addresses + InternetChecksum.Word(6) + InternetChecksum.Word((ushort)segment.Length)
            + InternetChecksum.Sum(at, (uint)segment.Length);
        Unsafe.WriteUnaligned(at + ChecksumOffset, InternetChecksum.Finish(sum));
    }
}
