using Nf.DataPlane.Cpumaps;
using Nf.Linux;
using Nf.V1;

namespace Nf.DataPlane.Control;

/// <summary>A program of filters for entries of cpumaps in user space, compiled.</summary>
/// <param name="Run">Which step a frame takes.</param>
/// <param name="Actions">What each step does.</param>
/// <param name="Targets">Where each step that redirects sends; null elsewhere.</param>
/// <param name="Instructions">Instructions of classic BPF of all filters.</param>
internal sealed record UserspaceProgram(
    FilterProgram Run, IReadOnlyList<FilterAction> Actions, IReadOnlyList<RedirectTarget?> Targets, uint Instructions)
{
    /// <summary>Most steps of a program.</summary>
    internal const int StepsMax = 64;

    /// <summary>Compiles a program. Takes as long as the resolver does where a filter has a host's name.</summary>
    /// <exception cref="CommandFaultException">INVALID_SPEC, with every fault.</exception>
    internal static UserspaceProgram Compile(CpumapFilterProgram asked)
    {
        var faults = new List<(string Field, string Description)>();
        if (asked.Steps.Count is 0 or > StepsMax)
        {
            faults.Add(("spec.filters.steps", $"{asked.Steps.Count} steps, the rule is 1 to {StepsMax}"));
        }

        var code = new List<ReadOnlyMemory<ClassicInstruction>>();
        for (int i = 0; i < asked.Steps.Count && i < StepsMax; i++)
        {
            string field = $"spec.filters.steps[{i}]";
            CpumapFilterStep step = asked.Steps[i];
            Check(step.Action, step.Redirect, field, faults);
            try
            {
                code.Add(step.Filter.Length == 0 ? default : PcapFilter.Compile(step.Filter).Code.ToArray());
            }
            catch (FormatException refusal)
            {
                faults.Add(($"{field}.filter", $"\"{step.Filter}\": {refusal.Message}"));
            }
        }

        if (faults.Count == 0)
        {
            try
            {
                return new UserspaceProgram(
                    FilterCompiler.Compile(code), [.. asked.Steps.Select(step => ActionOf(step.Action))],
                    [.. asked.Steps.Select(step => step.Redirect)], (uint)code.Sum(filter => filter.Length));
            }
            catch (FormatException refusal)
            {
                faults.Add(("spec.filters.steps", refusal.Message));
            }
        }

        throw new CommandFaultException(
            "INVALID_SPEC", string.Join("; ", faults.Select(fault => $"{fault.Field}: {fault.Description}")),
            Errno.EINVAL)
        {
            Fields = faults,
        };
    }

    /// <summary>The program of an entry; null for none.</summary>
    /// <exception cref="CommandFaultException">INVALID_SPEC, UNKNOWN_RESOURCE.</exception>
    internal static UserspaceProgram? Of(CpumapEntryProgram? asked, Resources resources)
    {
        switch (asked?.ProgramCase)
        {
            case CpumapEntryProgram.ProgramOneofCase.Builtin:
                var faults = new List<(string Field, string Description)>();
                Check(asked.Builtin, asked.Redirect, "entry.program", faults);
                return faults is [var (field, description), ..]
                    ? throw new CommandFaultException("INVALID_SPEC", $"{field}: {description}", Errno.EINVAL)
                    : new UserspaceProgram(
                        FilterCompiler.Compile([default]), [ActionOf(asked.Builtin)], [asked.Redirect], 0);
            case CpumapEntryProgram.ProgramOneofCase.Loaded:
                return resources.CpumapProgram(asked.Loaded).Filters ?? throw new CommandFaultException(
                    "INVALID_SPEC",
                    $"entry.program.loaded \"{asked.Loaded}\": a program of the kernel; this cpumap is in user space",
                    Errno.EINVAL);
            default:
                return null;
        }
    }

    private static void Check(
        BuiltinCpumapProgram action, RedirectTarget? redirect, string field, List<(string, string)> faults)
    {
        if (action == BuiltinCpumapProgram.Unspecified || !Enum.IsDefined(action))
        {
            faults.Add(($"{field}.action", "PASS, DROP or REDIRECT"));
        }

        bool redirects = action == BuiltinCpumapProgram.Redirect;
        if (redirects && redirect?.ToCase is not (RedirectTarget.ToOneofCase.XskSocket
            or RedirectTarget.ToOneofCase.VhostDevice))
        {
            faults.Add(($"{field}.redirect", "REDIRECT needs xsk_socket or vhost_device in user space"));
        }

        if (!redirects && redirect is not null)
        {
            faults.Add(($"{field}.redirect", "only with REDIRECT"));
        }
    }

    private static FilterAction ActionOf(BuiltinCpumapProgram action) => action switch
    {
        BuiltinCpumapProgram.Drop => FilterAction.Drop,
        BuiltinCpumapProgram.Redirect => FilterAction.Redirect,
        _ => FilterAction.Pass,
    };
}
