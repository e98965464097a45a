using Nf.DataPlane.Cpumaps;
using Nf.DataPlane.Steering;
using Nf.DataPlane.Xdp;
using Nf.Linux;
using Nf.SharedMemory.Segments;

namespace Nf.DataPlane.Control;

/// <summary>
/// Puts rules in force: compiles them, leaves them with the keeper, exchanges the interface's program, and settles the
/// slots in which they are counted. Whatever fails, the rules before are in force.
/// </summary>
internal sealed class SteeringSwap(Resources resources, IKernelCpumaps cpumaps)
{
    /// <summary>Puts rules in force on an interface whose program is there.</summary>
    /// <param name="steering">Its rules are replaced; none of them is in force yet where its program is not
    /// steered.</param>
    /// <param name="asked">The rules.</param>
    /// <exception cref="CommandFaultException">
    /// INVALID_SPEC, UNKNOWN_RESOURCE, FRAGS_MISMATCH, REDIRECT_LOOP, LIMIT_REACHED, PROGRAM_REFUSED,
    /// CAPABILITY_MISSING, INTERFACE_NOT_FOUND, FOREIGN_XDP_PROGRAM, XDP_ATTACH_FAILED.
    /// </exception>
    internal void Run(SteeringResource steering, V1.Steering asked)
    {
        InterfaceProgram program = steering.Program!;
        bool frags = asked.Spec.Frags || program.Frags;
        CompiledRules rules = Check(asked.Spec, frags, program.Network, program.Ifindex);
        List<RuleSlot> taken = [];
        RuleSet? coming = null;
        SteeringProgram? compiled = null;
        try
        {
            IReadOnlyList<RuleSlot> slots = SlotsFor(steering, asked.Spec, taken);
            steering.CounterSlots.Clear(steering.Counters, [.. taken.Select(slot => slot.Counter)]);
            compiled = SteeringProgram.Load(
                rules,
                new RuleMaps(program.Sockets, steering.Counters, [.. slots.Select(slot => slot.Counter)], frags));
            coming = new RuleSet(asked, slots)
            {
                File = SteeringStore.WriteFile(asked),
                ProgramId = compiled.Program!.Id,
                Instructions = (uint)compiled.Instructions,
            };
            resources.Store.Put(steering, coming);
            program.Announce(compiled.Program, frags);
            resources.Store.Put(program);
            program.Exchange();
        }
        catch
        {
            program.Renounce();
            compiled?.Dispose();
            coming?.File.Dispose();
            taken.ForEach(slot => Give(steering, slot));
            if (coming is not null)
            {
                resources.Store.Put(program);
                resources.Store.Put(steering, null);
            }

            throw;
        }

        Settle(steering, coming, compiled);
        resources.Store.Put(program);
        resources.Store.Put(steering, null);
    }

    /// <summary>Checks rules, and that none of them leads back to where it came from.</summary>
    internal CompiledRules Check(V1.SteeringSpec spec, bool frags, NetworkNamespace network, int ifindex)
    {
        CompiledRules rules = new SteeringRules(cpumaps, frags).Read(spec);
        KernelCpumapTarget? loop = rules.Rules.Select(rule => rule.Action.Cpumap).Append(rules.Default.Cpumap)
            .FirstOrDefault(target => target is not null && cpumaps.RedirectsTo(target.Name, network, ifindex));
        return loop is null
            ? rules
            : throw new CommandFaultException(
                "REDIRECT_LOOP",
                $"cpumap \"{loop.Name}\": one of its entries sends to this interface, "
                + "whose rules would send to it again",
                Errno.ELOOP);
    }

    /// <summary>Takes the slots of a set of rules of an earlier life.</summary>
    /// <exception cref="InvalidDataException">A slot is taken.</exception>
    internal void Claim(SteeringResource steering)
    {
        foreach (RuleSlot slot in steering.Rules.Slots)
        {
            steering.CounterSlots.Claim(slot.Counter);
            resources.SteeringSlots.Claim((int)slot.Segment);
        }
    }

    /// <summary>Gives every slot back.</summary>
    internal void Release(SteeringResource steering)
    {
        foreach (RuleSlot slot in steering.Rules.Slots)
        {
            Give(steering, slot);
        }
    }

    /// <summary>Writes what the rules matched into the segment.</summary>
    internal void Publish(SteeringResource steering)
    {
        int count = steering.Rules.Slots.Count;
        for (int i = 0; i < count; i++)
        {
            RuleSlot slot = steering.Rules.Slots[i];
            RuleCounters counted = steering.Count(slot);
            ref SteeringRuleSlot line = ref resources.Segment.SteeringRule((int)slot.Segment);
            line.Rule = i == count - 1 ? SteeringRuleSlot.ManagementRule
                : i == count - 2 ? SteeringRuleSlot.DefaultRule
                : (uint)i;
            line.Packets = counted.Packets;
            line.Bytes = counted.Bytes;
            line.InUse = 1;
        }
    }

    // A rule that was there keeps its slot; the others get new ones.
    private List<RuleSlot> SlotsFor(SteeringResource steering, V1.SteeringSpec spec, List<RuleSlot> taken)
    {
        Dictionary<string, RuleSlot> present = new(StringComparer.Ordinal);
        foreach ((string key, RuleSlot slot) in steering.Rules.KeyedSlots())
        {
            present.Add(key, slot);
        }

        var slots = new List<RuleSlot>();
        foreach (string key in RuleSet.KeysOf(spec))
        {
            if (!present.TryGetValue(key, out RuleSlot slot))
            {
                slot = new RuleSlot(0, (uint)resources.SteeringSlots.Take());
                slot = slot with { Counter = steering.CounterSlots.Take() };
                taken.Add(slot);
            }

            slots.Add(slot);
        }

        return slots;
    }

    private void Settle(SteeringResource steering, RuleSet coming, SteeringProgram compiled)
    {
        RuleSet before = steering.Rules;
        steering.Rules = coming;
        foreach (RuleSlot slot in before.Slots.Except(coming.Slots))
        {
            Give(steering, slot);
        }

        before.File.Dispose();
        steering.Compiled?.Dispose();
        steering.Compiled = compiled;
        Publish(steering);
    }

    private void Give(SteeringResource steering, RuleSlot slot)
    {
        steering.CounterSlots.Give(slot.Counter);
        resources.Segment.SteeringRule((int)slot.Segment) = default;
        resources.SteeringSlots.Give((int)slot.Segment);
    }
}
