using System.Runtime.InteropServices;
using Nf.DataPlane.Frames;
using Nf.DataPlane.Ports;
using Nf.DataPlane.Vhost;
using Nf.DataPlane.Vhost.Memory;
using Nf.DataPlane.Vhost.Rings;
using Nf.Linux;
using Nf.SharedMemory.Segments;

namespace Nf.DataPlane;

/// <summary>A queue pair whose guest is played here, so that its fast path is compiled before a real one
/// comes.</summary>
/// <remarks>
/// SAFETY: everything lies within the file of <see cref="Bytes"/> bytes, by the constants below: two rings of
/// <see cref="Size"/> slots, then a buffer for each slot of both.
/// </remarks>
internal sealed unsafe class WarmGuest : IDisposable
{
    private const uint Size = 256;
    private const uint Heads = 128; // the other descriptors are second ones of chains
    private const uint Burst = 64;
    private const uint RingBytes = 16384;
    private const uint AvailableOffset = 16 * (int)Size;
    private const uint UsedOffset = 8192;
    private const uint BuffersOffset = 2 * RingBytes;
    private const uint BufferBytes = 2048;
    private const long Bytes = BuffersOffset + (2 * Size * BufferBytes);
    private const ulong GuestStart = 1 << 20;
    private const ulong UserStart = 1 << 30;
    private const uint HeaderBytes = 12;

    private readonly FileDescriptor _file = MemFile.Create("nf-warm-up", Bytes, default);
    private readonly MappedMemory _memory;
    private readonly GuestMemory _guest;
    private readonly VringRecord* _records;
    private readonly EventFd _call = EventFd.Create();
    private readonly Virtqueue[] _rings;
    private readonly uint[] _published = new uint[2];
    private readonly bool _isPacked;

    internal WarmGuest(int slot, PortSlot* counters, ulong features)
    {
        _isPacked = (features & VirtioFeatures.RingPacked) != 0;
        _memory = MappedMemory.Map(_file, 0, Bytes, MapAccess.ReadWrite);
        _guest = GuestMemory.Map([(new GuestRegionLayout(GuestStart, (ulong)Bytes, UserStart, 0), _file)]);

        // SAFETY: freed by Dispose, which comes after the last use.
        _records = (VringRecord*)NativeMemory.AlignedAlloc(2 * (nuint)sizeof(VringRecord), 64);
        new Span<VringRecord>(_records, 2).Clear();
        Port = new VhostPort(slot, counters, 0);
        WriteFrames();
        _rings = [StartRing(0, features), StartRing(1, features)];
        foreach (bool guestSends in new[] { false, true })
        {
            Port.SetRing(guestSends, _rings[guestSends ? 1 : 0], null);
            Port.SetEnabled(guestSends, true);
        }
    }

    internal VhostPort Port { get; }

    /// <summary>Makes a burst of buffers available on both rings, where it is not there yet.</summary>
    internal void Offer()
    {
        for (int ring = 0; ring < 2; ring++)
        {
            if (_rings[ring].Pending > Size / 2)
            {
                continue;
            }

            if (_isPacked)
            {
                OfferPacked(ring);
            }
            else
            {
                OfferSplit(ring);
            }
        }

        _call.TryDrain();
    }

    public void Dispose()
    {
        // SAFETY: allocated by the constructor, and disposed of once.
        NativeMemory.AlignedFree(_records);
        _guest.Dispose();
        _memory.Dispose();
        _file.Dispose();
        _call.Dispose();
    }

    private static ulong BufferOf(int ring, uint index) => BuffersOffset + (((uint)ring * Size) + index) * BufferBytes;

    private Virtqueue StartRing(int ring, ulong features)
    {
        // SAFETY: the guest's only region holds both rings.
        byte* start = _guest.Translate(GuestStart + ((uint)ring * RingBytes), RingBytes, out _);
        return Virtqueue.Start(new VirtqueueSetup
        {
            Index = ring,
            Size = Size,
            Features = features,
            Descriptors = start,
            Available = start + AvailableOffset,
            Used = start + UsedOffset,
            DescriptorsGuestAddress = GuestStart + ((uint)ring * RingBytes),
            Base = _isPacked ? 0x8000_8000 : 0,
            Memory = _guest,
            Call = _call,
            Record = _records + ring,
        });
    }

    // TCP frames, of which every fourth leaves its checksum to us, and every sixteenth its segmentation, too.
    private void WriteFrames()
    {
        ReadOnlySpan<byte> headers =
        [
            2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2, 8, 0,
            0x45, 0, 5, 0xDC, 0, 1, 0, 0, 64, 6, 0, 0, 10, 0, 0, 1, 10, 0, 0, 2,
            0, 80, 0, 80, 0, 0, 0, 0, 0, 0, 0, 0, 0x50, 0x18, 1, 0, 0, 0, 0, 0,
        ];
        for (uint i = 0; i < Size; i++)
        {
            Span<byte> buffer = _memory.AsSpan((long)BufferOf(1, i), (int)BufferBytes);
            headers.CopyTo(buffer[(int)HeaderBytes..]);
            if (i % 4 == 0)
            {
                buffer[0] = FrameOffload.NeedsChecksum;
                buffer[1] = i % 16 == 0 ? FrameOffload.SegmentTcp4 : FrameOffload.SegmentNone;
                BitConverter.TryWriteBytes(buffer[4..], (ushort)500);
                BitConverter.TryWriteBytes(buffer[6..], (ushort)34);
                BitConverter.TryWriteBytes(buffer[8..], (ushort)16);
            }
        }
    }

    private static uint LengthOf(int ring, uint index) => ring == 0 ? BufferBytes
        : index % 16 == 0 ? HeaderBytes + 1454
        : HeaderBytes + 60;

    private void OfferSplit(int ring)
    {
        // SAFETY: by the constants of the type, as everything here.
        byte* start = _memory.Address + ((uint)ring * RingBytes);
        byte* available = start + AvailableOffset;
        for (uint i = 0; i < Burst; i++)
        {
            uint index = _published[ring]++;
            uint head = index % Heads;
            bool isChain = ring == 1 && head % 8 == 3;
            ushort flags = (ushort)(ring == 0 ? 2 : isChain ? 1 : 0);
            Describe(start, head, ring, head, isChain ? 40 : LengthOf(ring, head), flags, (ushort)(Heads + head));
            Describe(start, Heads + head, ring, head, 60, 0, 0);
            *(ushort*)(available + 4 + (2 * (index % Size))) = (ushort)head;
        }

        // Release: the entries before the index.
        Volatile.Write(ref *(ushort*)(available + 2), (ushort)_published[ring]);
    }

    private void OfferPacked(int ring)
    {
        // SAFETY: by the constants of the type, as everything here.
        byte* start = _memory.Address + ((uint)ring * RingBytes);
        for (uint i = 0; i < Burst; i++)
        {
            uint index = _published[ring]++;
            bool wrap = index / Size % 2 == 0;
            bool isChain = ring == 1 && i % 8 == 3;
            int flags = (wrap ? 0x80 : 0x8000) | (ring == 0 ? 2 : 0) | (isChain ? 1 : 0);
            uint length = isChain ? 40 : LengthOf(ring, index % Size);
            Describe(start, index % Size, ring, index % Size, length, (ushort)(index % Size), (ushort)flags);
        }
    }

    private static void Describe(
        byte* start, uint slot, int ring, uint buffer, uint length, ushort first, ushort second)
    {
        // SAFETY: the slot is below Size.
        *(ulong*)(start + (16 * slot)) = GuestStart + BufferOf(ring, buffer);
        *(uint*)(start + (16 * slot) + 8) = length;
        *(ushort*)(start + (16 * slot) + 12) = first;

        // Release: the flags of a packed descriptor make the rest valid.
        Volatile.Write(ref *(ushort*)(start + (16 * slot) + 14), second);
    }
}
