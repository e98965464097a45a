using System.Runtime.InteropServices;
using Nf.DataPlane.Vhost;
using Nf.DataPlane.Vhost.Memory;
using Nf.DataPlane.Vhost.Rings;
using Nf.DataPlane.Vhost.Session;
using Nf.Linux;

namespace Nf.DataPlane.VhostFuzz.Messages;

/// <summary>A device that believes nothing: whatever a session asks of it must be what a worker can run on.</summary>
internal sealed unsafe class FuzzHost : IVhostHost, IDisposable
{
    private const int Rings = 4;

    private readonly SessionRecord* _sessionRecord =
        (SessionRecord*)NativeMemory.AllocZeroed(1, (nuint)sizeof(SessionRecord));

    private readonly VringRecord* _records =
        (VringRecord*)NativeMemory.AllocZeroed(Rings, (nuint)sizeof(VringRecord));

    private readonly VirtqueueSetup?[] _running = new VirtqueueSetup?[Rings];

    public int RingCount => Rings;

    public ulong OfferedFeatures => VirtioFeatures.ProtocolFeatures | VirtioFeatures.LogAll | VirtioFeatures.Version1 |
        VirtioFeatures.RingPacked | VirtioFeatures.EventIndex | VirtioFeatures.MergeableBuffers | VirtioFeatures.Mtu |
        VirtioFeatures.IndirectDescriptors | VirtioFeatures.GuestChecksum;

    public VhostConfig Config => new(0x0605_0403_0202, LinkUp: true, QueuePairsMax: Rings / 2, Mtu: 1500);

    public uint QueueSizeMax => 32768;

    public SessionRecord* SessionRecord => _sessionRecord;

    /// <summary>A bit for each ring that runs.</summary>
    internal int Running
    {
        get
        {
            int bits = 0;
            for (int ring = 0; ring < Rings; ring++)
            {
                bits |= _running[ring] is null ? 0 : 1 << ring;
            }

            return bits;
        }
    }

    /// <summary>Rings that were started since the beginning.</summary>
    internal ulong Starts { get; private set; }

    /// <summary>Called when state is to be stored; null to ignore it.</summary>
    internal Action? OnChanged { get; set; }

    public VringRecord* Record(int ring) => _records + ring;

    public void StartRing(int ring, VirtqueueSetup setup, EventFd? kick)
    {
        Require(_running[ring] is null, "a ring was started that runs");
        Check(ring, setup);
        _running[ring] = setup;
        Starts++;
    }

    public uint StopRing(int ring)
    {
        VirtqueueSetup? setup = _running[ring];
        Require(setup is not null, "a ring was stopped that does not run");
        Check(ring, setup!);
        _running[ring] = null;
        return setup!.Base;
    }

    public void ReplaceSetup(int ring, VirtqueueSetup setup, EventFd? kick)
    {
        Require(_running[ring] is not null, "a ring was changed that does not run");
        Check(ring, _running[ring]!);
        Check(ring, setup);
        _running[ring] = setup;
    }

    public void EnableRing(int ring, bool enabled) => Require((uint)ring < Rings, "a ring that does not exist");

    public void SendRarp(ReadOnlySpan<byte> mac) =>
        Require(mac.Length == 6 && (mac[0] & 1) == 0, "a RARP for no station");

    public void SetMtu(ushort mtu) => Require(mtu >= 68, "an MTU too small");

    public void Changed() => OnChanged?.Invoke();

    public void Event(string kind, string message)
    {
    }

    public void Dispose()
    {
        NativeMemory.Free(_sessionRecord);
        NativeMemory.Free(_records);
    }

    private static void Check(int ring, VirtqueueSetup setup)
    {
        Require(setup.Index == ring, "a ring by the name of another");
        bool packed = (setup.Features & VirtioFeatures.RingPacked) != 0;
        Require(setup.Size is > 0 and <= 32768 && (packed || uint.IsPow2(setup.Size)), "a size no ring has");
        Require(packed ? (setup.Base & 0x7fff) < setup.Size : setup.Base <= ushort.MaxValue, "a base outside the ring");
        uint events = (setup.Features & VirtioFeatures.EventIndex) != 0 ? 2u : 0;
        CheckArea(setup.Memory, setup.Descriptors, 16 * setup.Size, 16);
        CheckArea(setup.Memory, setup.Available, packed ? 4 : 4 + (2 * setup.Size) + events, packed ? 4u : 2);
        CheckArea(setup.Memory, setup.Used, packed ? 4 : 4 + (8 * setup.Size) + events, 4);
        if (setup.Log is { } log)
        {
            log.Mark(setup.DescriptorsGuestAddress, 1);
        }
    }

    private static void CheckArea(GuestMemory memory, byte* area, uint bytes, uint alignment)
    {
        Require((ulong)area % alignment == 0, "a part of a ring that is not aligned");
        bool inside = false;
        for (int i = 0; i < memory.Count; i++)
        {
            ulong offset = (ulong)(area - memory.Table[i].HostBase);
            ulong size = memory.Table[i].SizeBytes;
            inside |= offset < size && bytes <= size - offset;
        }

        Require(inside, "a part of a ring outside the guest's memory");
        _ = Volatile.Read(ref *area);
        _ = Volatile.Read(ref area[bytes - 1]);
    }

    private static void Require(bool holds, string message)
    {
        if (!holds)
        {
            throw new RuleBrokenException(message);
        }
    }
}
