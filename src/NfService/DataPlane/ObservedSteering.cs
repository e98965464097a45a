using Nf.Internal.V1;
using Nf.V1;

namespace Nf.Service;

/// <summary>What replies about cpumaps and steerings change of what is known to run.</summary>
internal static class ObservedSteering
{
    /// <summary>Takes in the reply to a command that was carried out.</summary>
    public static Running Apply(Running now, Command command, Reply reply) => command.CommandCase switch
    {
        Command.CommandOneofCase.CreateCpumap => With(now, reply.Cpumap),
        Command.CommandOneofCase.DeleteCpumap => now with
        {
            Cpumaps = now.Cpumaps.Remove(command.DeleteCpumap.Name),
        },
        Command.CommandOneofCase.UpdateCpumapEntry => WithEntry(
            now, command.UpdateCpumapEntry.Cpumap, command.UpdateCpumapEntry.Entry.Cpu, reply.CpumapEntry.Entry),
        Command.CommandOneofCase.DeleteCpumapEntry => WithEntry(
            now, command.DeleteCpumapEntry.Cpumap, command.DeleteCpumapEntry.Cpu, null),
        Command.CommandOneofCase.SetSteering when !command.SetSteering.ValidateOnly => now with
        {
            Steerings = now.Steerings.SetItem(reply.Steering.Name, Light(reply.Steering)),
        },
        Command.CommandOneofCase.DeleteSteering => now with
        {
            Steerings = now.Steerings.Remove(command.DeleteSteering.Name),
        },
        _ => now,
    };

    /// <summary>A steering without its prefix tables, which nobody looks for in what is observed.</summary>
    public static Steering Light(Steering steering)
    {
        foreach (SteeringRule rule in steering.Spec?.Rules ?? [])
        {
            if (rule.Action?.Cpumap?.Selection is { Prefixes.Count: > 0 })
            {
                return DesiredSteering.Learn(steering).ToBrief(steering.Status);
            }
        }

        return steering;
    }

    private static Running With(Running now, Cpumap cpumap) =>
        now with { Cpumaps = now.Cpumaps.SetItem(cpumap.Name, cpumap) };

    // Its counters have a slot of the segment at once, not with the next inventory.
    private static Running WithEntry(Running now, string name, uint cpu, CpumapEntry? entry)
    {
        if (now.Cpumaps.GetValueOrDefault(name) is not { Status: not null } known)
        {
            return now;
        }

        Cpumap changed = known.Clone();
        CpumapEntry[] entries =
        [
            .. changed.Status.Entries.Where(other => other.Cpu != cpu).Append(entry).OfType<CpumapEntry>()
                .OrderBy(other => other.Cpu),
        ];
        changed.Status.Entries.Clear();
        changed.Status.Entries.Add(entries);
        return With(now, changed);
    }
}
