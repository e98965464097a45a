using System.Runtime.InteropServices;
using Nf.DataPlane.Vhost;
using Nf.DataPlane.Vhost.Rings;
using Nf.DataPlane.Vhost.Session;
using Nf.Linux;

namespace Nf.DataPlane.Tests.Vhost.Protocol.Support;

/// <summary>A device without workers: keeps what it is told, and refuses what a worker could not do.</summary>
internal sealed unsafe class FakeHost : IVhostHost, IDisposable
{
    internal const ulong DefaultFeatures = VirtioFeatures.Checksum | VirtioFeatures.GuestChecksum |
        VirtioFeatures.Mtu | VirtioFeatures.Mac | VirtioFeatures.GuestTso4 | VirtioFeatures.GuestTso6 |
        VirtioFeatures.HostTso4 | VirtioFeatures.HostTso6 | VirtioFeatures.MergeableBuffers |
        VirtioFeatures.Status | VirtioFeatures.MultiQueue | VirtioFeatures.LogAll |
        VirtioFeatures.IndirectDescriptors | VirtioFeatures.EventIndex | VirtioFeatures.ProtocolFeatures |
        VirtioFeatures.Version1 | VirtioFeatures.RingPacked | VirtioFeatures.InOrder;

    private readonly SessionRecord* _sessionRecord;
    private readonly VringRecord* _records;

    internal FakeHost(int pairs = 1)
    {
        RingCount = 2 * pairs;
        _sessionRecord = (SessionRecord*)NativeMemory.AllocZeroed(1, (nuint)sizeof(SessionRecord));
        _records = (VringRecord*)NativeMemory.AllocZeroed((nuint)RingCount, (nuint)sizeof(VringRecord));
        Running = new VirtqueueSetup?[RingCount];
        Kicks = new EventFd?[RingCount];
        Enabled = new bool[RingCount];
        StopsAt = new uint?[RingCount];
    }

    public int RingCount { get; }

    public ulong OfferedFeatures { get; set; } = DefaultFeatures;

    public VhostConfig Config { get; set; } = new(0x0605_0403_0252, LinkUp: true, QueuePairsMax: 1, Mtu: 1500);

    public uint QueueSizeMax { get; set; } = 32768;

    public SessionRecord* SessionRecord => _sessionRecord;

    /// <summary>Rings the worker has, by index.</summary>
    internal VirtqueueSetup?[] Running { get; }

    internal EventFd?[] Kicks { get; }

    internal bool[] Enabled { get; }

    /// <summary>Where a ring stops, other than where it began.</summary>
    internal uint?[] StopsAt { get; }

    /// <summary>Everything that was asked, in order.</summary>
    internal List<string> Calls { get; } = [];

    internal List<string> Events { get; } = [];

    internal int Changes { get; private set; }

    /// <summary>Called when state is to be stored.</summary>
    internal Action? OnChanged { get; set; }

    internal bool AnyRunning => Running.Any(setup => setup is not null);

    public VringRecord* Record(int ring) => _records + ring;

    public void StartRing(int ring, VirtqueueSetup setup, EventFd? kick)
    {
        Assert.Null(Running[ring]);
        Check(ring, setup);
        Running[ring] = setup;
        Kicks[ring] = kick;
        _records[ring] = new VringRecord { Base = setup.Base, Valid = 1 };
        Calls.Add($"start {ring}");
    }

    public uint StopRing(int ring)
    {
        VirtqueueSetup setup = Running[ring] ?? throw new InvalidOperationException($"ring {ring} does not run");
        Check(ring, setup);
        Running[ring] = null;
        Kicks[ring] = null;
        Calls.Add($"stop {ring}");
        return StopsAt[ring] ?? setup.Base;
    }

    public void ReplaceSetup(int ring, VirtqueueSetup setup, EventFd? kick)
    {
        Check(ring, Running[ring] ?? throw new InvalidOperationException($"ring {ring} does not run"));
        Check(ring, setup);
        Running[ring] = setup;
        Kicks[ring] = kick;
        Calls.Add($"replace {ring}");
    }

    public void EnableRing(int ring, bool enabled)
    {
        Enabled[ring] = enabled;
        Calls.Add($"{(enabled ? "enable" : "disable")} {ring}");
    }

    public void SendRarp(ReadOnlySpan<byte> mac) => Calls.Add($"rarp {Convert.ToHexString(mac)}");

    public void SetMtu(ushort mtu) => Calls.Add($"mtu {mtu}");

    public void Changed()
    {
        Changes++;
        OnChanged?.Invoke();
    }

    public void Event(string kind, string message) => Events.Add($"{kind}: {message}");

    public void Dispose()
    {
        NativeMemory.Free(_sessionRecord);
        NativeMemory.Free(_records);
    }

    // What a worker relies on: the first and the last byte of each area can be read. A mapping that is gone kills the
    // test process, which is what it would do to the data plane.
    private static void Check(int ring, VirtqueueSetup setup)
    {
        Assert.Equal(ring, setup.Index);
        bool packed = (setup.Features & VirtioFeatures.RingPacked) != 0;
        Touch(setup.Descriptors, 16 * setup.Size);
        Touch(setup.Available, packed ? 4 : 4 + (2 * setup.Size));
        Touch(setup.Used, packed ? 4 : 4 + (8 * setup.Size));
    }

    private static void Touch(byte* area, uint bytes)
    {
        _ = Volatile.Read(ref *area);
        _ = Volatile.Read(ref area[bytes - 1]);
    }
}
