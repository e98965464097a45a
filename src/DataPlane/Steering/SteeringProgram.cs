using Nf.Linux;

namespace Nf.DataPlane.Steering;

/// <summary>Rules as the kernel has them: a program, and the map of what it looks up. Control thread only.</summary>
internal sealed class SteeringProgram : IDisposable
{
    private const string Name = "nf_steer";
    private const string ExplainingName = "nf_steer_tell";

    private readonly RuleData _data;
    private readonly SelectionCompiler.Tables[] _tables;
    private BpfProgram? _explaining;

    private SteeringProgram(CompiledRules rules)
    {
        Rules = rules;
        _data = new RuleData();
        _tables = RuleCompiler.AddTables(rules, _data);
        _data.Create();
    }

    /// <summary>What it was compiled from.</summary>
    internal CompiledRules Rules { get; }

    /// <summary>The program; null where the rules were only compiled to be explained.</summary>
    internal BpfProgram? Program { get; private set; }

    /// <summary>Its instructions, before the kernel's translation.</summary>
    internal int Instructions { get; private set; }

    /// <summary>Compiles and loads; attaches nothing.</summary>
    /// <exception cref="CommandFaultException">LIMIT_REACHED, CAPABILITY_MISSING, PROGRAM_REFUSED.</exception>
    internal static SteeringProgram Load(CompiledRules rules, RuleMaps maps)
    {
        SteeringProgram loaded = Compile(rules);
        try
        {
            BpfAssembler code = RuleCompiler.Compile(rules, maps, loaded._data, loaded._tables);
            (loaded.Program, loaded.Instructions) = LoadOrFault(code, Name, maps.Frags);
            return loaded;
        }
        catch
        {
            loaded.Dispose();
            throw;
        }
    }

    /// <summary>Compiles only so far that the rules can be explained.</summary>
    /// <exception cref="CommandFaultException">LIMIT_REACHED, CAPABILITY_MISSING.</exception>
    internal static SteeringProgram Compile(CompiledRules rules)
    {
        try
        {
            return new SteeringProgram(rules);
        }
        catch (LinuxException refusal)
        {
            throw FromMap(refusal);
        }
    }

    /// <summary>What would become of a packet (BPF_PROG_RUN); no counter moves, nothing is sent.</summary>
    /// <param name="packet">At least an Ethernet header.</param>
    /// <exception cref="CommandFaultException">PROGRAM_REFUSED.</exception>
    /// <exception cref="LinuxException">The kernel refused the packet.</exception>
    internal SteeringVerdictCode Explain(ReadOnlySpan<byte> packet)
    {
        _explaining ??= LoadOrFault(
            RuleCompiler.CompileExplaining(Rules, _data, _tables), ExplainingName, frags: false).Program;
        return SteeringVerdictCode.Unpack(BpfProgRun.Verdict(_explaining, packet));
    }

    /// <summary>Closes the descriptors; a program that is attached stays so.</summary>
    public void Dispose()
    {
        Program?.Dispose();
        _explaining?.Dispose();
        _data.Map?.Dispose();
    }

    private static (BpfProgram Program, int Instructions) LoadOrFault(BpfAssembler code, string name, bool frags)
    {
        try
        {
            return (BpfProgram.LoadXdp(code, name, frags), code.Build().Length);
        }
        catch (OverflowException)
        {
            throw new CommandFaultException(
                "LIMIT_REACHED", "spec.rules: too much for one program, a jump spans more than 32767 instructions",
                Errno.E2BIG);
        }
        catch (BpfLoadException refusal)
        {
            (string reason, string what) = refusal.Errno switch
            {
                Errno.EPERM => (
                    "CAPABILITY_MISSING", "spec.rules: to load an XDP program needs CAP_BPF and CAP_NET_ADMIN"),
                Errno.E2BIG => ("LIMIT_REACHED", "spec.rules: more than the kernel's verifier takes"),
                Errno.EINVAL when frags => (
                    "SCATTER_GATHER_UNSUPPORTED",
                    "spec.frags: this kernel has no XDP programs for it, or a cpumap disagrees"),
                _ => ("PROGRAM_REFUSED", "spec.rules: the kernel refused the program"),
            };
            throw new CommandFaultException(
                reason, $"{what}: {refusal.Message}".TrimEnd(), "bpf(BPF_PROG_LOAD)", refusal.Errno);
        }
    }

    private static CommandFaultException FromMap(LinuxException refusal) => CommandFaultException.From(
        refusal.Errno == Errno.EPERM ? "CAPABILITY_MISSING" : "LIMIT_REACHED",
        "spec.rules: a map for their prefixes and CPUs", refusal);
}
