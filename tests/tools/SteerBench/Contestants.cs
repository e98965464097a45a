using System.Globalization;
using Nf.DataPlane.Cpumaps;
using Nf.DataPlane.Steering;
using Nf.Linux;
using Nf.V1;

namespace Nf.DataPlane.SteerBench;

/// <summary>The programs that are compared: rules, and the least that redirects to a cpumap.</summary>
internal sealed class Contestants : IKernelCpumaps, IDisposable
{
    // Of the frames: Ethernet, IPv4 without options, UDP.
    internal const int DestinationPort = 9999;
    private const int SourceAddressOffset = 26;
    private const int HeaderBytes = 34;

    private const uint QueueSize = 4096;
    private const string Name = "bench";

    private readonly BpfMap _sockets = BpfMap.Create(LinuxBpf.BPF_MAP_TYPE_XSKMAP, "nf_bench_xsks", 4, 4, 1);
    private readonly BpfMap _counters =
        BpfMap.Create(LinuxBpf.BPF_MAP_TYPE_PERCPU_ARRAY, "nf_bench_count", 4, 16, 258);
    private readonly BpfMap _cpumap = BpfMap.Create(LinuxBpf.BPF_MAP_TYPE_CPUMAP, "nf_bench_cpus", 4, 4, 2);

    internal Contestants()
    {
        _cpumap.Update(0u, QueueSize);
        _cpumap.Update(1u, QueueSize);
    }

    public event Action<string>? CpusChanged
    {
        add { }
        remove { }
    }

    public KernelCpumapTarget? Find(string name) => new(name, _cpumap, false, [0, 1]);

    public bool RedirectsTo(string name, Linux.NetworkNamespace network, int ifindex) => false;

    /// <summary>The least possible program: every frame to CPU 1.</summary>
    /// <param name="scatter">Whether frames come from addresses all over.</param>
    internal BpfProgram Least(bool scatter)
    {
        BpfAssembler code = Before(scatter);
        code.MoveMap(BpfRegister.R1, _cpumap);
        code.Alu32(BpfAlu.Move, BpfRegister.R2, 1);
        code.Alu32(BpfAlu.Move, BpfRegister.R3, 2);
        code.Call(LinuxBpf.BPF_FUNC_redirect_map);
        code.Exit();
        return BpfProgram.LoadXdp(code, "nf_bench_least", frags: false);
    }

    /// <summary>Rules for other ports before the one that matches.</summary>
    internal BpfProgram Rules(int count)
    {
        var spec = new SteeringSpec { DefaultAction = ToCpumap(new CpuSelection()) };
        for (int i = 0; i < count; i++)
        {
            uint port = i == count - 1 ? DestinationPort : 1000 + (uint)i;
            spec.Rules.Add(new SteeringRule
            {
                Match = new SteeringMatch
                {
                    IpProtocol = 17,
                    DestinationPort = new PortRange { First = port, Last = port },
                },
                Action = i == count - 1 ? ToCpumap(new CpuSelection()) : new SteeringAction { Drop = new ToNowhere() },
            });
        }

        return Load(spec, scatter: false);
    }

    /// <summary>A table of prefixes of subscribers, all of CPU 1.</summary>
    internal BpfProgram Prefixes(int count)
    {
        var selection = new CpuSelection { Kind = CpuSelectionKind.SourcePrefix };
        selection.Prefixes.Add(new CpuPrefix { Prefix = "0.0.0.0/0", Cpu = 1 });
        for (int i = 1; i < count; i++)
        {
            string prefix = string.Create(CultureInfo.InvariantCulture, $"10.{i >> 16}.{(i >> 8) & 255}.{i & 255}/32");
            selection.Prefixes.Add(new CpuPrefix { Prefix = prefix, Cpu = 1 });
        }

        return Load(new SteeringSpec { DefaultAction = ToCpumap(selection) }, scatter: true);
    }

    /// <summary>A UDP frame whose flow belongs to CPU 1.</summary>
    internal static byte[] Frame(int bytes)
    {
        var selector = new CpuSelector(CpuSelectionKind.FlowHash, 0, null, [0, 1]);
        for (int port = 10_000; ; port++)
        {
            byte[] headers = Convert.FromHexString(
                "020000000099" + "020000000002" + "0800" + "4500002e" + "00000000" + "40110000" + "0a000001"
                + "c0000201" + port.ToString("x4", CultureInfo.InvariantCulture) + $"{DestinationPort:x4}"
                + "001a0000");
            byte[] frame = new byte[bytes];
            headers.CopyTo(frame, 0);
            FlowParser.Parse(frame, frame.Length, out Flow flow);
            if (selector.TryChoose(flow, 0, out uint cpu) && cpu == 1)
            {
                return frame;
            }
        }
    }

    public void Dispose()
    {
        _sockets.Dispose();
        _counters.Dispose();
        _cpumap.Dispose();
    }

    private BpfProgram Load(SteeringSpec spec, bool scatter)
    {
        CompiledRules rules = new SteeringRules(this, frags: false).Read(spec);
        var data = new RuleData();
        SelectionCompiler.Tables[] tables = RuleCompiler.AddTables(rules, data);
        using BpfMap? map = data.Create();
        uint[] slots = [.. Enumerable.Range(0, rules.Rules.Count + 2).Select(i => (uint)i)];
        BpfAssembler code = RuleCompiler.Compile(
            rules, new RuleMaps(_sockets, _counters, slots, false), data, tables, Before(scatter));
        return BpfProgram.LoadXdp(code, "nf_bench_rules", frags: false);
    }

    // Gives each frame a source in 10.0.0.0/15: as many as the largest table has prefixes.
    private static BpfAssembler Before(bool scatter)
    {
        var code = new BpfAssembler();
        if (!scatter)
        {
            return code;
        }

        BpfLabel done = code.NewLabel();
        code.Alu(BpfAlu.Move, BpfRegister.R6, BpfRegister.R1);
        code.Call(LinuxBpf.BPF_FUNC_get_prandom_u32);
        code.Load(BpfSize.Word, BpfRegister.R1, BpfRegister.R6, 0);
        code.Load(BpfSize.Word, BpfRegister.R2, BpfRegister.R6, 4);
        code.Alu(BpfAlu.Move, BpfRegister.R3, BpfRegister.R1);
        code.Alu(BpfAlu.Add, BpfRegister.R3, HeaderBytes);
        code.Jump64(BpfJump.Greater, BpfRegister.R3, BpfRegister.R2, done);
        code.Alu32(BpfAlu.And, BpfRegister.R0, 0x1ffff);
        code.Alu32(BpfAlu.Or, BpfRegister.R0, 0x0a000000);
        code.SwapBigEndian(BpfRegister.R0, 32);
        code.Store(BpfSize.Word, BpfRegister.R1, SourceAddressOffset, BpfRegister.R0);
        code.Place(done);
        code.Alu(BpfAlu.Move, BpfRegister.R1, BpfRegister.R6);
        return code;
    }

    private static SteeringAction ToCpumap(CpuSelection selection) => new()
    {
        Cpumap = new ToCpumap { Cpumap = Name, Selection = selection },
    };
}
