using Google.Protobuf;
using Nf.Internal.V1;
using Nf.Linux;
using Nf.SharedMemory.Store;

namespace Nf.DataPlane.Control;

/// <summary>What the next life has to know of a steering, and how it is read back.</summary>
internal static class SteeringStore
{
    private const int FixedDescriptors = 2;
    private const int SetsMax = 2;

    // Twice the largest request of the public API.
    private const long FileBytesMax = 32 << 20;

    /// <summary>Puts what was asked for into a file.</summary>
    /// <exception cref="LinuxException">No memory or no descriptor for it.</exception>
    internal static FileDescriptor WriteFile(V1.Steering asked)
    {
        byte[] bytes = asked.ToByteArray();
        FileDescriptor file = MemFile.Create("nf-steering", bytes.Length, new MemFileOptions());
        try
        {
            for (int done = 0; done < bytes.Length;)
            {
                done += file.WriteAt(bytes.AsSpan(done), done);
            }

            return file;
        }
        catch
        {
            file.Dispose();
            throw;
        }
    }

    /// <summary>The entry of a steering.</summary>
    /// <param name="steering">The steering.</param>
    /// <param name="coming">Rules that are about to be in force.</param>
    internal static (byte[] Metadata, FileDescriptor[] Descriptors) Describe(SteeringResource steering, RuleSet? coming)
    {
        RuleSet[] sets = coming is null ? [steering.Rules] : [steering.Rules, coming];
        var stored = new StoredSteering
        {
            Version = SteeringResource.StoredVersion,
            Ifindex = (uint)steering.Ifindex,
            Revision = steering.Revision,
        };
        stored.Sets.AddRange(sets.Select(Stored));
        return (
            stored.ToByteArray(),
            [steering.Network.Descriptor, steering.Counters.Descriptor, .. sets.Select(set => set.File)]);
    }

    /// <summary>Reads an entry; the descriptors become the steering's own.</summary>
    /// <returns>The steering with its first rules, the others, and the interface it was on.</returns>
    /// <exception cref="InvalidDataException">It does not describe one.</exception>
    internal static (SteeringResource Steering, RuleSet? Coming, int Ifindex) Read(StoreEntry entry)
    {
        StoredSteering stored = StoredSteering.Parser.ParseFrom(entry.Metadata);
        if (stored.Version != SteeringResource.StoredVersion || stored.Sets.Count is 0 or > SetsMax
            || entry.Descriptors.Count != FixedDescriptors + stored.Sets.Count || stored.Ifindex > int.MaxValue)
        {
            throw new InvalidDataException(
                $"steering of version {stored.Version} with {stored.Sets.Count} sets of rules, "
                + $"{entry.Descriptors.Count} descriptors, ifindex {stored.Ifindex}");
        }

        RuleSet[] sets = [.. stored.Sets.Select((set, i) => Read(set, entry.Descriptors[FixedDescriptors + i]))];
        var counters = new BpfMap(entry.Descriptors[1]);
        if (counters.Type != LinuxBpf.BPF_MAP_TYPE_PERCPU_ARRAY || counters.MaxEntries != CounterSlots.Count)
        {
            throw new InvalidDataException(
                $"counters in a map of type {counters.Type} with {counters.MaxEntries} slots");
        }

        var steering = new SteeringResource(NetworkNamespace.Adopt(entry.Descriptors[0]), counters, sets[0])
        {
            Revision = stored.Revision,
        };
        return (steering, sets.Length > 1 ? sets[1] : null, (int)stored.Ifindex);
    }

    private static StoredRuleSet Stored(RuleSet set)
    {
        var stored = new StoredRuleSet { ProgramId = set.ProgramId, Instructions = set.Instructions };
        stored.Slots.AddRange(set.Slots.Select(
            slot => new StoredRuleSlot { Counter = slot.Counter, Segment = slot.Segment }));
        return stored;
    }

    private static RuleSet Read(StoredRuleSet stored, FileDescriptor file)
    {
        long length = file.Length;
        if (length is <= 0 or > FileBytesMax)
        {
            throw new InvalidDataException($"rules in a file of {length} bytes");
        }

        byte[] bytes = new byte[length];
        for (int done = 0; done < bytes.Length;)
        {
            int read = file.ReadAt(bytes.AsSpan(done), done);
            done += read > 0 ? read : throw new InvalidDataException("the rules' file ends early");
        }

        V1.Steering asked = V1.Steering.Parser.ParseFrom(bytes);
        if (asked.Spec is null || (stored.Slots.Count != 0 && stored.Slots.Count != asked.Spec.Rules.Count + 2))
        {
            throw new InvalidDataException($"{stored.Slots.Count} slots for {asked.Spec?.Rules.Count} rules");
        }

        return new RuleSet(asked, [.. stored.Slots.Select(slot => new RuleSlot(slot.Counter, slot.Segment))])
        {
            File = file,
            ProgramId = stored.ProgramId,
            Instructions = stored.Instructions,
        };
    }
}
