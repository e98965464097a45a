using System.Runtime.InteropServices;
using Nf.DataPlane.Steering;
using Nf.Linux;

namespace Nf.DataPlane.Control;

/// <summary>
/// Slots of a map of counters. A rule keeps its slot from one set of rules to the next, so nothing is added up or lost
/// when they are exchanged; a new one gets the slot that has been free for longest.
/// </summary>
internal sealed class CounterSlots
{
    /// <summary>Slots: enough for all rules of two sets.</summary>
    internal const int Count = 2 * (SteeringLimits.RuleCountMax + 2);

    private readonly LinkedList<uint> _free = new(Enumerable.Range(0, Count).Select(slot => (uint)slot));
    private readonly HashSet<uint> _used = [];

    /// <summary>A new map.</summary>
    /// <exception cref="LinuxException">EPERM, ENOMEM.</exception>
    internal static BpfMap CreateMap() => BpfMap.Create(
        LinuxBpf.BPF_MAP_TYPE_PERCPU_ARRAY, "nf_steer_count", sizeof(uint), Marshal.SizeOf<RuleCounters>(), Count);

    /// <summary>A slot for a new rule, not yet cleared.</summary>
    internal uint Take()
    {
        uint slot = _free.First?.Value ?? throw new InvalidOperationException("more slots than two sets have rules");
        _free.RemoveFirst();
        return slot;
    }

    /// <summary>A slot that a rule had in an earlier life.</summary>
    /// <exception cref="InvalidDataException">It is out of range or taken.</exception>
    internal void Claim(uint slot)
    {
        if (!_free.Remove(slot))
        {
            throw new InvalidDataException($"counter slot {slot} is out of range or taken twice");
        }
    }

    /// <summary>Gives a slot back, behind all others.</summary>
    internal void Give(uint slot)
    {
        _used.Add(slot);
        _free.AddLast(slot);
    }

    /// <summary>
    /// Sets slots to zero. Where one was in use before, waits until no packet is under way in a program that counts
    /// there: programs run within a grace period of the kernel. Where the kernel gives none (nohz_full), a packet of an
    /// old rule may be counted for the new one.
    /// </summary>
    internal void Clear(BpfMap map, IReadOnlyList<uint> slots)
    {
        if (slots.Any(_used.Contains))
        {
            MemoryBarrier.TryWaitForGracePeriod();
        }

        byte[] zeroes = new byte[map.BufferSizeBytes];
        foreach (uint slot in slots)
        {
            map.Update(MemoryMarshal.AsBytes(new ReadOnlySpan<uint>(in slot)), zeroes);
        }
    }
}
