using System.Runtime.CompilerServices;
using Nf.Linux;
using Nf.SharedMemory.Broker;
using Nf.SharedMemory.Umems;

namespace Nf.Client;

/// <summary>A received frame: which chunk, where in the memory, how long. It is the caller's until it is freed or
/// sent.</summary>
/// <param name="Chunk">The chunk.</param>
/// <param name="Offset">Bytes from the beginning of the memory.</param>
/// <param name="Length">Bytes of the frame.</param>
public readonly record struct LeasedFrame(uint Chunk, ulong Offset, int Length);

/// <summary>
/// A leased AF_XDP socket: frames are received and sent through rings shared with the kernel, at the speed of any
/// program that runs as root.
/// </summary>
/// <remarks>
/// One thread. Frames of one chunk each. <see cref="Flush"/> after every round: it hands over what was sent, takes back
/// what the kernel is done with, and gives it room to receive into.
/// </remarks>
public sealed unsafe partial class XskLease : IDisposable
{
    /// <summary>Smallest frame that the kernel sends: an Ethernet header.</summary>
    private const int FrameBytesMin = 14;

    /// <summary>Chunks handed to the fill ring, or taken from a ring, at a time.</summary>
    private const uint Burst = 64;

    private readonly BrokerClient _broker;
    private readonly AfXdpSocket _socket;
    private readonly MappedMemory _memory;
    private readonly MappedMemory _notesMemory;
    private readonly LeaseRings _rings;
    private readonly UmemGeometry _geometry;
    private readonly ChunkNotes _notes;
    private readonly uint[] _free;
    private readonly Epoll _epoll = new();
    private readonly EpollEvent[] _ready = new EpollEvent[2];
    private LeaseAnswer _lease;
    private uint _freeCount;
    private bool _sent;

    private XskLease(
        BrokerClient broker, in LeaseAnswer lease, AfXdpSocket socket, MappedMemory memory, MappedMemory notes,
        UmemGeometry geometry)
    {
        _broker = broker;
        _lease = lease;
        _socket = socket;
        _memory = memory;
        _notesMemory = notes;
        _geometry = geometry;
        _rings = new LeaseRings(socket, lease);
        _notes = new ChunkNotes(notes.Address, geometry.ChunkCount);
        _free = new uint[geometry.ChunkCount];
        _epoll.Add(socket.Descriptor, EpollEvents.In, 0);
        _epoll.Add(broker.Descriptor, EpollEvents.In, 1);
    }

    /// <summary>Everything that the broker said of it.</summary>
    public LeaseAnswer Info => _lease;

    /// <summary>Number of the lease.</summary>
    public ulong Id => _lease.Lease;

    /// <summary>With the number, what takes it up again.</summary>
    public byte[] Secret => ((ReadOnlySpan<byte>)_lease.Secret).ToArray();

    /// <summary>The interface's address.</summary>
    public byte[] Mac => ((ReadOnlySpan<byte>)_lease.Mac).ToArray();

    /// <summary>Chunks that are nobody's now.</summary>
    public uint FreeCount => _freeCount;

    /// <summary>What the kernel counted.</summary>
    public xdp_statistics Statistics => _socket.GetStatistics();

    /// <summary>The next received frame, if there is one.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public bool TryReceive(out LeasedFrame frame)
    {
        if (_rings.Rx.Peek(1, out uint index) == 0)
        {
            frame = default;
            return false;
        }

        xdp_desc descriptor = _rings.Rx[index];
        if (!_geometry.TryGetChunkIndex(descriptor.addr, out uint chunk))
        {
            throw new BrokerException(Errno.EIO, $"the kernel received into 0x{descriptor.addr:x}, which is no chunk");
        }

        // Before the ring forgets the entry: whoever takes this lease up finds the chunk in one of both.
        _notes[chunk] = ChunkPlace.Held;
        _rings.Rx.Release();
        frame = new LeasedFrame(chunk, _geometry.OffsetOf(descriptor.addr), (int)descriptor.len);
        return true;
    }

    /// <summary>The bytes of a frame, to read and to change; valid until it is freed or sent.</summary>
    public Span<byte> Bytes(in LeasedFrame frame) => _memory.AsSpan((long)frame.Offset, frame.Length);

    /// <summary>Gives a received frame's chunk back.</summary>
    public void Free(in LeasedFrame frame)
    {
        Require(frame.Chunk, ChunkPlace.Held);
        MakeFree(frame.Chunk);
    }

    /// <summary>Sends a received frame, changed or not, without a copy.</summary>
    /// <param name="frame">Received and not freed.</param>
    /// <returns>False when there is no room; the frame stays the caller's.</returns>
    public bool TryTransmit(in LeasedFrame frame)
    {
        Require(frame.Chunk, ChunkPlace.Held);
        CheckLength(frame.Length);
        return Submit(frame.Chunk, frame.Offset, frame.Length);
    }

    /// <summary>Sends a copy of a frame.</summary>
    /// <param name="frame">An Ethernet frame without its checksum.</param>
    /// <returns>False when there is no room.</returns>
    public bool TryTransmit(ReadOnlySpan<byte> frame)
    {
        CheckLength(frame.Length);
        if (frame.Length > _geometry.TxFrameBytesMax)
        {
            throw new ArgumentException(
                $"{frame.Length} bytes, a chunk sends {_geometry.TxFrameBytesMax}", nameof(frame));
        }

        if (_freeCount == 0)
        {
            Reap();
        }

        if (_freeCount == 0)
        {
            return false;
        }

        uint chunk = _free[_freeCount - 1];
        ulong offset = _geometry.OffsetOf(_geometry.AddressOf(chunk)) + _geometry.TxMetadataBytes;
        frame.CopyTo(_memory.AsSpan((long)offset, frame.Length));
        if (!Submit(chunk, offset, frame.Length))
        {
            return false;
        }

        _freeCount--;
        return true;
    }

    /// <summary>Hands over what was sent, takes back what the kernel is done with, and gives it chunks to receive into.
    /// </summary>
    public void Flush()
    {
        Reap();
        Refill();
        if (_sent || _rings.Tx.Level != 0)
        {
            _sent = false;
            if (_rings.Tx.NeedsWakeup)
            {
                // What it says is retried: the rings tell what was sent. EAGAIN is its budget of one call.
                _socket.KickTx();
            }
        }
    }

    /// <summary>Waits for a frame to receive, or for something that the broker has to tell.</summary>
    /// <param name="timeout">Longest wait.</param>
    public void Wait(TimeSpan timeout)
    {
        Flush();
        if (_rings.Tx.Level == 0 || _socket.KickTx() != Errno.EAGAIN)
        {
            _epoll.Wait(_ready, (int)timeout.TotalMilliseconds);
        }
    }

    /// <summary>Gives the lease back and closes everything.</summary>
    public void Dispose()
    {
        _epoll.Dispose();

        // The rings first: while one is mapped the kernel keeps the queue for the socket.
        _rings.Dispose();
        _socket.Dispose();
        _memory.Dispose();
        _notesMemory.Dispose();
        _broker.TryRelease(Id);
    }

    /// <summary>Ends the use of the lease by this process without giving it back, as its death would: who closes the
    /// connection next leaves it to whoever takes it up.</summary>
    public void Abandon()
    {
        _epoll.Dispose();
        _rings.Dispose();
        _socket.Dispose();
        _memory.Dispose();
        _notesMemory.Dispose();
    }

    private bool Submit(uint chunk, ulong offset, int length)
    {
        if (!_rings.Tx.TryReserve(1, out uint index))
        {
            return false;
        }

        ref xdp_desc slot = ref _rings.Tx[index];
        slot.addr = AddressOf(chunk, offset);
        slot.len = (uint)length;
        slot.options = 0;
        _notes[chunk] = ChunkPlace.Tx;
        _rings.Tx.Submit();
        _sent = true;
        return true;
    }

    private ulong AddressOf(uint chunk, ulong offset)
    {
        ulong start = _geometry.AddressOf(chunk);
        return _geometry.IsUnaligned
            ? start | ((offset - start) << IfXdp.XSK_UNALIGNED_BUF_OFFSET_SHIFT)
            : offset;
    }

    private void Reap()
    {
        for (uint count = Burst; count == Burst;)
        {
            count = _rings.Completion.Peek(Burst, out uint index);
            for (uint i = 0; i < count; i++)
            {
                // The kernel also returns what an invalid descriptor said: only what was out for sending counts.
                if (_geometry.TryGetChunkIndex(_rings.Completion[index + i], out uint chunk)
                    && _notes[chunk] == ChunkPlace.Tx)
                {
                    MakeFree(chunk);
                }
            }

            _rings.Completion.Release();
        }
    }

    private void Refill()
    {
        while (_freeCount != 0)
        {
            uint count = _rings.Fill.Free(Math.Min(Burst, _freeCount));
            if (count == 0 || !_rings.Fill.TryReserve(count, out uint index))
            {
                break;
            }

            for (uint i = 0; i < count; i++)
            {
                uint chunk = _free[--_freeCount];
                _notes[chunk] = ChunkPlace.Fill;
                _rings.Fill[index + i] = _geometry.AddressOf(chunk);
            }

            _rings.Fill.Submit();
            if (_rings.Fill.NeedsWakeup)
            {
                _socket.WakeRx();
            }
        }
    }

    private void MakeFree(uint chunk)
    {
        _notes[chunk] = ChunkPlace.Free;
        _free[_freeCount++] = chunk;
    }

    private void Require(uint chunk, ChunkPlace place)
    {
        if (_notes[chunk] != place)
        {
            throw new InvalidOperationException($"chunk {chunk} is {_notes[chunk]}, expected {place}");
        }
    }

    private static void CheckLength(int length)
    {
        if (length < FrameBytesMin)
        {
            throw new ArgumentException($"{length} bytes, a frame has {FrameBytesMin} at least", nameof(length));
        }
    }
}
