using Google.Protobuf.WellKnownTypes;
using Nf.V1;

namespace Nf.Service;

/// <summary>
/// An entry of a cpumap as it was asked for. Only what can be wrong with the request itself is judged here; what
/// depends on the cpumap and the machine (range, existing entries, queue size, CPU, program) the data plane judges, in
/// the kernel's order.
/// </summary>
internal sealed class CpumapEntryUpdate
{
    private static readonly TimeSpan DrainTimeoutDefault = TimeSpan.FromSeconds(5);
    private static readonly TimeSpan DrainTimeoutMax = TimeSpan.FromMinutes(1);

    private CpumapEntryUpdate(ResourceName cpumap, CpumapEntrySpec entry, CpumapUpdateMode mode, TimeSpan drainTimeout)
    {
        Cpumap = cpumap;
        Entry = entry;
        Mode = mode;
        DrainTimeout = drainTimeout;
    }

    /// <summary>The cpumap.</summary>
    public ResourceName Cpumap { get; }

    /// <summary>What the entry is to be. Must not be changed.</summary>
    public CpumapEntrySpec Entry { get; }

    /// <summary>Whether it may exist.</summary>
    public CpumapUpdateMode Mode { get; }

    /// <summary>How long to wait for the old thread's end.</summary>
    public TimeSpan DrainTimeout { get; }

    /// <exception cref="InvalidSpecException">Names every fault of the request.</exception>
    public static CpumapEntryUpdate From(UpdateCpumapEntryRequest request)
    {
        var faults = new SpecFaults();
        ResourceName cpumap = ResourceName.Check(faults, "cpumap", request.Cpumap);
        faults.RequireDefined(request.Mode, "mode");
        faults.Require(request.Entry is not null, "entry", "must be set");
        CpumapEntrySpec entry = request.Entry?.Clone() ?? new CpumapEntrySpec();
        CheckProgram(faults, "entry.program", entry.Program);
        TimeSpan drain = CheckDrainTimeout(faults, request.DrainTimeout);
        faults.ThrowIfAny();
        CpumapUpdateMode mode =
            request.Mode == CpumapUpdateMode.Unspecified ? CpumapUpdateMode.Any : request.Mode;
        return new CpumapEntryUpdate(cpumap, entry, mode, drain);
    }

    /// <summary>How long to wait for a thread's end; 5 s where nothing is asked for.</summary>
    public static TimeSpan CheckDrainTimeout(SpecFaults faults, Duration? asked)
    {
        if (asked is null)
        {
            return DrainTimeoutDefault;
        }

        // Compared before it is converted: a hostile duration does not fit a TimeSpan.
        bool isSane = asked.Seconds is >= 0 and <= 60 && asked.Nanos is >= 0 and < 1_000_000_000;
        TimeSpan timeout = isSane ? asked.ToTimeSpan() : TimeSpan.MaxValue;
        faults.Require(timeout <= DrainTimeoutMax, "drain_timeout", "is not within 0 s to 1 min");
        return timeout;
    }

    /// <exception cref="InvalidSpecException">The program is none for a cpumap of this backend.</exception>
    public void CheckBackend(CpumapBackend backend)
    {
        var faults = new SpecFaults();
        RedirectTargetRules.CheckBackend(faults, "entry.program.redirect", Entry.Program?.Redirect, backend);
        faults.ThrowIfAny();
    }

    private static void CheckProgram(SpecFaults faults, string field, CpumapEntryProgram? program)
    {
        switch (program?.ProgramCase)
        {
            case null:
                return;
            case CpumapEntryProgram.ProgramOneofCase.Builtin:
                faults.Require(
                    program.Builtin != BuiltinCpumapProgram.Unspecified, $"{field}.builtin", "names no program");
                faults.RequireDefined(program.Builtin, $"{field}.builtin");
                break;
            case CpumapEntryProgram.ProgramOneofCase.Loaded:
                ResourceName.Check(faults, $"{field}.loaded", program.Loaded);
                break;
            default:
                faults.Add(field, "one of builtin and loaded must be set; leave it unset for no program");
                break;
        }

        RedirectTargetRules.Check(
            faults, $"{field}.redirect", program.Redirect,
            isWanted: program is
            {
                ProgramCase: CpumapEntryProgram.ProgramOneofCase.Builtin,
                Builtin: BuiltinCpumapProgram.Redirect,
            });
    }
}
