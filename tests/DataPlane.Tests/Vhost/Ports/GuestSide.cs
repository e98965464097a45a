using System.Runtime.InteropServices;
using Nf.DataPlane.Frames;
using Nf.DataPlane.Ports;
using Nf.DataPlane.Tests.Vhost.Rings;
using Nf.DataPlane.Vhost;
using Nf.DataPlane.Vhost.Rings;
using Nf.Linux;
using Nf.SharedMemory.Segments;

namespace Nf.DataPlane.Tests.Vhost.Ports;

/// <summary>A frame as a guest got or sends it.</summary>
internal sealed record GuestFrame(byte[] Bytes, FrameOffload Offload = default);

/// <summary>A queue pair with the guest's driver at the other end of both rings.</summary>
internal sealed unsafe class GuestSide : IDisposable
{
    internal const ulong Plain = VirtioFeatures.Version1;
    internal const ulong Offloads = Plain | VirtioFeatures.MergeableBuffers | VirtioFeatures.Checksum
        | VirtioFeatures.HostTso4 | VirtioFeatures.HostTso6 | VirtioFeatures.HostEcn;
    internal const ulong AllOffloads = Offloads | VirtioFeatures.GuestChecksum | VirtioFeatures.GuestTso4
        | VirtioFeatures.GuestTso6 | VirtioFeatures.GuestEcn;

    private const uint HeaderBytes = 12;
    private readonly PortSlot* _counters = (PortSlot*)NativeMemory.AlignedAlloc((nuint)sizeof(PortSlot), 64);
    private readonly Dictionary<uint, Piece> _buffers = [];
    private readonly Queue<ulong> _freeBuffers = new();
    private readonly Queue<ulong> _freeFrames = new();
    private readonly Dictionary<uint, (ulong Address, int Descriptors)> _sending = [];
    private readonly uint _bufferBytes;

    internal GuestSide(int slot, ulong features = Plain, uint size = 256, uint bufferBytes = 2048, int pair = 0)
    {
        *_counters = default;
        _bufferBytes = bufferBytes;
        Ram = new GuestRam(64UL << 20);
        ToGuest = RingDriver.Make(Ram, size, features);
        FromGuest = RingDriver.Make(Ram, size, features);
        for (int i = 0; i < size; i++)
        {
            _freeBuffers.Enqueue(Ram.Take(bufferBytes));
            _freeFrames.Enqueue(Ram.Take(70_000));
        }

        Port = new VhostPort(slot, _counters, pair);
    }

    internal GuestRam Ram { get; }

    internal VhostPort Port { get; }

    internal RingDriver ToGuest { get; }

    internal RingDriver FromGuest { get; }

    internal EventFd Kick { get; } = EventFd.Create();

    internal Virtqueue? Receiving { get; private set; }

    internal Virtqueue? Sending { get; private set; }

    /// <summary>Starts and enables both rings.</summary>
    internal GuestSide Start(bool kicks = true)
    {
        Receiving = ToGuest.Start();
        Sending = FromGuest.Start();
        Port.SetRing(guestSends: false, Receiving, null);
        Port.SetRing(guestSends: true, Sending, kicks ? Kick : null);
        Port.SetEnabled(guestSends: false, true);
        Port.SetEnabled(guestSends: true, true);
        return this;
    }

    /// <summary>Goes on with another ring in the place of the one that the guest sends by.</summary>
    internal void Restart(Virtqueue ring)
    {
        Sending = ring;
        Port.SetRing(guestSends: true, ring, Kick);
    }

    /// <summary>Offers buffers to receive into.</summary>
    internal GuestSide Offer(int count)
    {
        for (int i = 0; i < count && _freeBuffers.TryDequeue(out ulong address); i++)
        {
            var piece = new Piece(address, _bufferBytes, Writable: true);
            _buffers[ToGuest.Offer(piece)] = piece;
        }

        return this;
    }

    /// <summary>Takes every frame received; its buffers are free again, not offered.</summary>
    internal List<GuestFrame> Take()
    {
        var frames = new List<GuestFrame>();
        while (ToGuest.TryTake(out Returned used))
        {
            var bytes = new List<byte>();
            byte[] header = Part(used, 0, HeaderBytes);
            int chains = BitConverter.ToUInt16(header, 10);
            Assert.True(chains >= 1, "num_buffers is zero");
            bytes.AddRange(Part(used, HeaderBytes, used.Length - HeaderBytes));
            Free(used);
            for (int i = 1; i < chains; i++)
            {
                Assert.True(ToGuest.TryTake(out used), "a frame is not whole");
                bytes.AddRange(Part(used, 0, used.Length));
                Free(used);
            }

            frames.Add(new GuestFrame([.. bytes], new FrameOffload
            {
                Flags = header[0],
                SegmentType = header[1],
                HeaderBytesHint = BitConverter.ToUInt16(header, 2),
                SegmentBytes = BitConverter.ToUInt16(header, 4),
                ChecksumStart = BitConverter.ToUInt16(header, 6),
                ChecksumOffset = BitConverter.ToUInt16(header, 8),
            }));
        }

        return frames;
    }

    /// <summary>Sends a frame in one buffer, or in several of the lengths given.</summary>
    /// <returns>False when every buffer or descriptor is on its way.</returns>
    internal bool Send(byte[] frame, FrameOffload offload = default, params int[] cuts)
    {
        TakeBack();
        int used = _sending.Values.Sum(frame => frame.Descriptors);
        if (used + cuts.Length + 1 > FromGuest.Size || !_freeFrames.TryDequeue(out ulong address))
        {
            return false;
        }

        byte[] header = new byte[HeaderBytes];
        header[0] = offload.Flags;
        header[1] = offload.SegmentType;
        BitConverter.TryWriteBytes(header.AsSpan(2), offload.HeaderBytesHint);
        BitConverter.TryWriteBytes(header.AsSpan(4), offload.SegmentBytes);
        BitConverter.TryWriteBytes(header.AsSpan(6), offload.ChecksumStart);
        BitConverter.TryWriteBytes(header.AsSpan(8), offload.ChecksumOffset);
        header.CopyTo(new Span<byte>(Ram.At(address), (int)HeaderBytes));
        frame.CopyTo(new Span<byte>(Ram.At(address + HeaderBytes), frame.Length));
        uint length = HeaderBytes + (uint)frame.Length;
        var pieces = new List<Piece>();
        uint at = 0;
        foreach (int cut in cuts)
        {
            pieces.Add(new Piece(address + at, (uint)cut));
            at += (uint)cut;
        }

        pieces.Add(new Piece(address + at, length - at));
        _sending[FromGuest.Offer([.. pieces])] = (address, pieces.Count);
        return true;
    }

    /// <summary>Takes back buffers of frames that the device has taken.</summary>
    internal int TakeBack()
    {
        int count = 0;
        while (FromGuest.TryTake(out Returned used))
        {
            Assert.Equal(0u, used.Length);
            Assert.True(_sending.Remove(used.Id, out (ulong Address, int) frame), $"{used.Id} was not sent");
            _freeFrames.Enqueue(frame.Address);
            count++;
        }

        return count;
    }

    /// <summary>Frames that the guest has sent and the device has not taken.</summary>
    internal int OnTheWay
    {
        get
        {
            TakeBack();
            return _sending.Count;
        }
    }

    internal ulong Drops(DropReason reason) => Port.Drops[(int)reason];

    /// <summary>Every frame received has one fate.</summary>
    internal void CheckSums() =>
        Assert.Equal(Port.Traffic.RxPackets, Port.Traffic.LinkPackets + Port.DropsTotal());

    public void Dispose()
    {
        ToGuest.Dispose();
        FromGuest.Dispose();
        Kick.Dispose();
        Ram.Dispose();
        NativeMemory.AlignedFree(_counters);
    }

    private byte[] Part(Returned used, uint from, uint length) =>
        new ReadOnlySpan<byte>(Ram.At(_buffers[used.Id].Address + from), (int)length).ToArray();

    private void Free(Returned used)
    {
        _freeBuffers.Enqueue(_buffers[used.Id].Address);
        _buffers.Remove(used.Id);
    }
}
