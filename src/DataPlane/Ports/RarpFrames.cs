using System.Runtime.InteropServices;

namespace Nf.DataPlane.Ports;

/// <summary>RARP broadcasts that wait to leave in the name of a guest that has moved here.</summary>
internal sealed unsafe class RarpFrames
{
    /// <summary>Bytes of such a frame.</summary>
    internal const int FrameBytes = 64;

    // A front-end sends one per network card; more at a time say the same again.
    private const int CountMax = 4;
    private const int MacBytes = 6;

    private readonly byte[] _frames = GC.AllocateArray<byte>(FrameBytes * CountMax, pinned: true);

    /// <summary>How many there are.</summary>
    internal int Count { get; private set; }

    /// <summary>Adds a frame; the oldest stand when there are too many.</summary>
    internal void Add(ReadOnlySpan<byte> mac)
    {
        if (Count == CountMax)
        {
            return;
        }

        Span<byte> frame = _frames.AsSpan(FrameBytes * Count++, FrameBytes);
        frame.Clear();
        frame[..MacBytes].Fill(0xFF);
        mac[..MacBytes].CopyTo(frame[6..]);

        // EtherType RARP, Ethernet, IPv4, lengths of both, "request reverse"; sender and target are the guest
        // (RFC 903).
        ReadOnlySpan<byte> header = [0x80, 0x35, 0, 1, 0x08, 0, 6, 4, 0, 3];
        header.CopyTo(frame[12..]);
        mac[..MacBytes].CopyTo(frame[22..]);
        mac[..MacBytes].CopyTo(frame[32..]);
    }

    /// <summary>Takes all frames: they stay where they are until the next <see cref="Add"/>.</summary>
    /// <returns>The first of them.</returns>
    internal byte* Take(out int count)
    {
        count = Count;
        Count = 0;

        // SAFETY: the array is pinned and lives as long as this.
        return (byte*)Marshal.UnsafeAddrOfPinnedArrayElement(_frames, 0);
    }
}
