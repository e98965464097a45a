using System.Buffers.Binary;
using Nf.DataPlane.Vhost;
using Nf.Linux;

namespace Nf.DataPlane;

/// <summary>
/// A front-end and the guest behind it, for rehearsals: says what a front-end says, and runs the driver's side of one
/// queue pair, without looking at what comes back.
/// </summary>
internal sealed unsafe class RehearsalGuest : IDisposable
{
    private const uint RingSize = 64;
    private const int BlockBytes = 0x10000;
    private const int AvailableAt = 0x1000;
    private const int UsedAt = 0x2000;
    private const int BuffersAt = 0x4000;
    private const int BufferBytes = 512;
    private const int FrameBytes = 12 + 60;
    private const ulong UserBase = 0x1000_0000;
    private const ushort WriteFlag = 2;
    private const ushort AvailableFlag = 0x80;
    private const ushort UsedFlag = 0x8000;

    private readonly UnixStreamSocket _socket;
    private readonly FileDescriptor _file = MemFile.Create("nf-rehearsal", 2 * BlockBytes, new MemFileOptions());
    private readonly MappedMemory _memory;
    private readonly EventFd _signal = EventFd.Create();
    private readonly uint[] _posted = new uint[2];
    private readonly bool _packed;

    /// <param name="socket">The front-end's end of the connection; owned from now on.</param>
    /// <param name="packed">Which kind of ring the guest has.</param>
    internal RehearsalGuest(UnixStreamSocket socket, bool packed)
    {
        _socket = socket;
        _packed = packed;
        _memory = MappedMemory.Map(_file, 0, 2 * BlockBytes, MapAccess.ReadWrite, populate: true);
    }

    /// <summary>Says everything that makes the rings run. The answers stay unread.</summary>
    internal void Greet()
    {
        Say(3);
        Say(1);
        Say(15);
        Say(16, BitConverter.GetBytes(1UL << 3));
        Say(2, BitConverter.GetBytes(
            VirtioFeatures.Version1 | VirtioFeatures.MergeableBuffers | VirtioFeatures.ProtocolFeatures
            | (_packed ? VirtioFeatures.RingPacked : 0)));
        var table = new byte[8 + 32];
        BinaryPrimitives.WriteUInt32LittleEndian(table, 1);
        BinaryPrimitives.WriteUInt64LittleEndian(table.AsSpan(16), 2 * BlockBytes);
        BinaryPrimitives.WriteUInt64LittleEndian(table.AsSpan(24), UserBase);
        SayWith(5, table, _file);
        for (uint ring = 0; ring < 2; ring++)
        {
            Say(8, State(ring, RingSize));
            Say(10, State(ring, _packed ? 0x8000u : 0));
            var address = new byte[40];
            ulong block = UserBase + (ring * BlockBytes);
            BinaryPrimitives.WriteUInt32LittleEndian(address, ring);
            BinaryPrimitives.WriteUInt64LittleEndian(address.AsSpan(8), block);
            BinaryPrimitives.WriteUInt64LittleEndian(address.AsSpan(16), block + UsedAt);
            BinaryPrimitives.WriteUInt64LittleEndian(address.AsSpan(24), block + AvailableAt);
            Say(9, address);
            SayWith(13, BitConverter.GetBytes((ulong)ring), _signal.Descriptor);
            SayWith(12, BitConverter.GetBytes((ulong)ring), _signal.Descriptor);
            Say(18, State(ring, 1));
        }
    }

    /// <summary>Sends frames, and makes as many buffers available for what comes back.</summary>
    internal void Offer(int count)
    {
        for (int i = 0; i < count; i++)
        {
            Post(0, BufferBytes, WriteFlag);
            Post(1, FrameBytes, 0);
        }
    }

    public void Dispose()
    {
        _socket.Dispose();
        _memory.Dispose();
        _file.Dispose();
        _signal.Dispose();
    }

    private static byte[] State(uint ring, uint number) =>
        [.. BitConverter.GetBytes(ring), .. BitConverter.GetBytes(number)];

    private void Say(uint request, params byte[] payload) => SayWith(request, payload);

    private void SayWith(uint request, byte[] payload, params FileDescriptor[] descriptors) => _socket.Send(
        [
            .. BitConverter.GetBytes(request), .. BitConverter.GetBytes(1u),
            .. BitConverter.GetBytes((uint)payload.Length), .. payload,
        ],
        descriptors);

    // One buffer per descriptor, in order; the device is as far as the driver before each round, so none is in use.
    private void Post(int ring, uint length, ushort flags)
    {
        uint slot = _posted[ring] % RingSize;
        bool wrap = _posted[ring] / RingSize % 2 == 0;
        _posted[ring]++;

        // SAFETY: the slot is below the ring's size, so everything written is inside the ring's block of the mapping.
        byte* block = _memory.Address + (ring * BlockBytes);
        byte* descriptor = block + (16 * slot);
        *(ulong*)descriptor = (ulong)((ring * BlockBytes) + BuffersAt) + (slot * BufferBytes);
        *(uint*)(descriptor + 8) = length;
        if (_packed)
        {
            *(ushort*)(descriptor + 12) = (ushort)slot;

            // Release: the flags make the descriptor available.
            Volatile.Write(ref *(ushort*)(descriptor + 14), (ushort)(flags | (wrap ? AvailableFlag : UsedFlag)));
            return;
        }

        *(ushort*)(descriptor + 12) = flags;
        *(ushort*)(block + AvailableAt + 4 + (2 * slot)) = (ushort)slot;

        // Release: the index makes the descriptor available.
        Volatile.Write(ref *(ushort*)(block + AvailableAt + 2), (ushort)_posted[ring]);
    }
}
