using Nf.Linux;

namespace Nf.DataPlane.Tests.Control.Vhost;

/// <summary>The driver's side of one split ring, with a buffer per descriptor.</summary>
internal sealed unsafe class GuestRing(int index) : IDisposable
{
    internal const ulong UserBase = 0x7000_0000;
    internal const uint Size = 64;
    internal const int BlockBytes = 0x40000;
    internal const int DescriptorsAt = 0;
    internal const int AvailableAt = 0x2000;
    internal const int UsedAt = 0x3000;

    private const int BuffersAt = 0x4000;
    private const int BufferBytes = 2048;
    private const int HeaderBytes = 12;
    private const ushort WriteFlag = 2;

    private byte* _block;
    private ushort _available;
    private ushort _used;

    internal int Index { get; } = index;

    internal EventFd Kick { get; } = EventFd.Create();

    internal EventFd Call { get; } = EventFd.Create();

    internal EventFd Error { get; } = EventFd.Create();

    /// <summary>Frames or buffers that are with the device.</summary>
    internal int Outstanding => (ushort)(_available - _used);

    /// <summary>How far the device is.</summary>
    internal ushort UsedIndex => Volatile.Read(ref *(ushort*)(_block + UsedAt + 2));

    private bool Receives => (Index & 1) == 0;

    internal void Attach(byte* memory) => _block = memory + (Index * BlockBytes);

    internal ulong UserAddress(int at) => UserBase + (ulong)((Index * BlockBytes) + at);

    /// <summary>Makes every buffer available that is not.</summary>
    internal void Fill()
    {
        Assert.True(Receives);
        while (Outstanding < Size)
        {
            Post(BufferBytes, WriteFlag);
        }

        Kick.Signal();
    }

    /// <summary>Sends a frame, if there is room.</summary>
    internal bool TrySend(ReadOnlySpan<byte> frame)
    {
        Assert.False(Receives);
        Reap();
        if (Outstanding == Size)
        {
            return false;
        }

        byte* buffer = Buffer(_available % Size);
        new Span<byte>(buffer, HeaderBytes).Clear();
        frame.CopyTo(new Span<byte>(buffer + HeaderBytes, BufferBytes - HeaderBytes));
        Post(HeaderBytes + frame.Length, 0);
        Kick.Signal();
        return true;
    }

    /// <summary>Takes a received frame, and gives its buffer back.</summary>
    internal byte[]? TryReceive()
    {
        if (UsedIndex == _used)
        {
            return null;
        }

        byte* used = _block + UsedAt + 4 + (8 * (_used % Size));
        uint id = *(uint*)used;
        uint length = *(uint*)(used + 4);
        Assert.InRange(id, 0u, Size - 1);
        Assert.InRange(length, (uint)HeaderBytes, (uint)BufferBytes);
        byte[] frame = new ReadOnlySpan<byte>(Buffer(id) + HeaderBytes, (int)length - HeaderBytes).ToArray();
        _used++;
        Post(BufferBytes, WriteFlag);
        Kick.Signal();
        return frame;
    }

    /// <summary>Lies: says that more is available than the ring has.</summary>
    internal void LieAboutIndex()
    {
        Volatile.Write(ref *(ushort*)(_block + AvailableAt + 2), (ushort)(_available + Size + 7));
        Kick.Signal();
    }

    /// <summary>Lies: offers a buffer where the guest has no memory.</summary>
    internal void LieAboutBuffer(ulong address, int length)
    {
        Post(length, Receives ? WriteFlag : (ushort)0, address);
        Kick.Signal();
    }

    /// <summary>Takes back what the device is done with.</summary>
    internal void Reap() => _used = Receives ? _used : UsedIndex;

    public void Dispose()
    {
        Kick.Dispose();
        Call.Dispose();
        Error.Dispose();
    }

    private byte* Buffer(uint descriptor) => _block + BuffersAt + (descriptor * BufferBytes);

    private void Post(int length, ushort flags, ulong? elsewhere = null)
    {
        // In order, one buffer per descriptor of its number.
        uint slot = _available % Size;
        byte* descriptor = _block + DescriptorsAt + (16 * slot);
        *(ulong*)descriptor = elsewhere ?? (ulong)((Index * BlockBytes) + BuffersAt + (slot * BufferBytes));
        *(uint*)(descriptor + 8) = (uint)length;
        *(ushort*)(descriptor + 12) = flags;
        *(ushort*)(_block + AvailableAt + 4 + (2 * slot)) = (ushort)slot;
        _available++;

        // Release: the device sees the descriptor when it sees the index.
        Volatile.Write(ref *(ushort*)(_block + AvailableAt + 2), _available);
        Interlocked.MemoryBarrier();
    }
}
