using Nf.DataPlane.Xdp;
using Nf.Linux;
using Nf.SharedMemory.Store;
using Nf.V1;

namespace Nf.DataPlane.Control;

// What happens to steerings: devices that go and come, cpumaps that change, lives that end.
internal sealed partial class SteeringCommands
{
    /// <summary>Compares every steering of a namespace with the interfaces as they are.</summary>
    internal void Recheck(FileIdentity identity)
    {
        foreach (SteeringResource steering in In(identity))
        {
            if (!steering.Program!.IsAttached(out string whyNot))
            {
                Lose(steering, whyNot);
            }
        }
    }

    /// <summary>An interface was deleted or moved to another namespace.</summary>
    internal void Deleted(FileIdentity identity, LinkInfo link)
    {
        foreach (SteeringResource steering in In(identity).Where(s => s.Ifindex == link.Ifindex))
        {
            Lose(steering, $"interface {link.Name} was deleted or moved to another network namespace");
        }
    }

    /// <summary>Tries again to steer what lost its device.</summary>
    internal void RetryLost()
    {
        foreach (SteeringResource steering in All.Where(s => s.Program is null).ToList())
        {
            try
            {
                Attach(steering, steering.Rules.Asked, Find(steering.Network, steering.Rules.Asked.Spec).Ifindex);
            }
            catch (Exception notYet) when (notYet is CommandFaultException or LinuxException)
            {
                steering.LostReason = notYet.Message;
                continue;
            }

            _resources.Store.Put(steering, null);
            TellState(steering, SteeringState.DeviceLost, SteeringState.Active, "");
        }
    }

    /// <summary>Takes over what an earlier life left. Where its program still runs, nothing is touched.</summary>
    /// <exception cref="InvalidDataException">The entry describes no steering.</exception>
    /// <exception cref="CommandFaultException">The rules had to be set again, and could not be.</exception>
    internal void Adopt(StoreEntry entry)
    {
        (SteeringResource steering, RuleSet? coming, int ifindex) = SteeringStore.Read(entry);
        uint running = 0;
        InterfaceProgram? program = _resources.Programs.All.FirstOrDefault(
            p => p.Ifindex == ifindex && p.Network.Identity == steering.NetworkIdentity);
        if (program is { IsSteered: true })
        {
            running = program.ProgramId;
        }

        // A life that ended in the middle of a change left both sets of rules; the program tells which is in force.
        if (coming is not null && coming.ProgramId == running)
        {
            steering.Rules.File.Dispose();
            steering.Rules = coming;
        }
        else
        {
            coming?.File.Dispose();
        }

        if (steering.Rules.Slots.Count == 0)
        {
            throw new InvalidDataException("its rules were never in force");
        }

        _swap.Claim(steering);
        _resources.Steerings.Add(steering.Name, steering);
        if (running != 0 && steering.Rules.ProgramId == running)
        {
            program!.UserCount++;
            steering.Program = program;
        }
        else
        {
            steering.LostReason = "the program was not found again after a restart";
        }

        if (coming is not null || steering.Program is null)
        {
            _resources.Store.Put(steering, null);
        }
    }

    /// <summary>After an adoption: takes rules off interfaces whose steering is not there any more.</summary>
    /// <returns>What was done, for people.</returns>
    internal IReadOnlyList<string> Finish()
    {
        var faults = new List<string>();
        foreach (InterfaceProgram program in _resources.Programs.All.Where(p => p.IsSteered && p.UserCount != 0))
        {
            if (All.Any(steering => steering.Program == program))
            {
                continue;
            }

            faults.Add($"XDP program on ifindex {program.Ifindex}: its rules are taken off, their steering is gone");
            try
            {
                program.AnnouncePlain();
                _resources.Store.Put(program);
                program.Exchange();
                _resources.Store.Put(program);
            }
            catch (CommandFaultException failure)
            {
                faults.Add($"XDP program on ifindex {program.Ifindex}: {failure.Message}");
            }
        }

        return faults;
    }

    /// <summary>Closes what this life holds; what the keeper holds stays in force.</summary>
    internal void Close()
    {
        _cpumaps.CpusChanged -= CpusChanged;
        foreach (SteeringResource steering in All)
        {
            steering.Dispose();
        }
    }

    /// <summary>The end of everything, not of a life: no interface stays steered.</summary>
    internal void End()
    {
        foreach (SteeringResource steering in All.Where(s => s.Program is not null))
        {
            _resources.Programs.Release(steering.Program!);
            steering.Program = null;
        }
    }

    private List<SteeringResource> In(FileIdentity identity) =>
        [.. All.Where(steering => steering.Program is not null && steering.NetworkIdentity == identity)];

    private void Lose(SteeringResource steering, string why)
    {
        InterfaceProgram program = steering.Program!;
        steering.Program = null;
        steering.LostReason = why;
        ReleaseProgram(program);
        _resources.Store.Put(steering, null);
        TellState(steering, SteeringState.Active, SteeringState.DeviceLost, why);
    }

    // The CPUs are part of the code, so it is written anew.
    private void CpusChanged(string cpumap)
    {
        foreach (SteeringResource steering in All.Where(s => s.Cpumaps.Contains(cpumap)).ToList())
        {
            steering.Compiled?.Dispose();
            steering.Compiled = null;
            if (steering.Program is null)
            {
                continue;
            }

            try
            {
                _swap.Run(steering, steering.Rules.Asked);
            }
            catch (Exception failure) when (failure is CommandFaultException or LinuxException or StoreException)
            {
                _resources.Events.Add(
                    EventKind.Fault, "steering", steering.Name,
                    $"the CPUs of cpumap \"{cpumap}\" changed, and the rules do not follow: {failure.Message}");
            }
        }
    }

    private void TellState(SteeringResource steering, SteeringState from, SteeringState to, string reason) =>
        _resources.Events.Add(
            EventKind.StateChanged, "steering", steering.Name, reason.Length == 0 ? $"{to}" : $"{to}: {reason}",
            ("from", $"{from}"), ("to", $"{to}"));
}
