using Nf.V1;

namespace Nf.Ctl.Tests.Rendering;

/// <summary>Cpumaps and steerings as a service answers with them.</summary>
internal static class SteerSamples
{
    internal static Cpumap Cpumap { get; } = new()
    {
        Name = "fan",
        Spec = new CpumapSpec { Backend = CpumapBackend.Kernel, MaxEntries = 4 },
        Status = new CpumapStatus
        {
            MapId = 61,
            ValueSize = 8,
            CountersAvailable = true,
            UsedBy = { "steering/edge" },
            Entries =
            {
                new CpumapEntry
                {
                    Cpu = 1, QueueSize = 192, Threads = 1, Program = new() { Builtin = BuiltinCpumapProgram.Pass },
                    Counters = new CpumapEntryCounters
                    {
                        Enqueued = 1000, EnqueueDrops = 4, Bulks = 160, Processed = 990, Sched = 12, ProgramPass = 990,
                    },
                },
                new CpumapEntry { Cpu = 2, QueueSize = 64, Threads = 2 },
            },
            RedirectErrors = { new RedirectError { Interface = "eth1", Error = "ENOSPC", Packets = 3 } },
        },
    };

    internal static CpumapProgram Program { get; } = new()
    {
        Name = "only-udp",
        Spec = new CpumapProgramSpec
        {
            Elf = new CpumapElf { Section = "xdp/cpumap", Sha256 = "0123456789abcdef0123456789abcdef" },
        },
        Status = new CpumapProgramStatus { ProgramId = 73, Instructions = 40, UsedBy = { "fan/1" } },
    };

    internal static Steering Steering { get; } = new()
    {
        Name = "edge",
        Spec = new SteeringSpec
        {
            Interface = "eth1",
            Rules =
            {
                new SteeringRule
                {
                    Name = "web",
                    Match = new SteeringMatch { IpProtocol = 6, DestinationPort = new() { First = 80, Last = 443 } },
                    Action = new SteeringAction
                    {
                        Cpumap = new ToCpumap
                        {
                            Cpumap = "fan",
                            Selection = new CpuSelection { Kind = CpuSelectionKind.SourcePrefix },
                        },
                        Fallback = SteeringFallback.Drop,
                    },
                },
            },
            DefaultAction = new SteeringAction { Xsk = new ToXsk(), Fallback = SteeringFallback.Pass },
        },
        Status = new SteeringStatus
        {
            State = SteeringState.Active,
            Ifindex = 3,
            XdpMode = XdpMode.Native,
            ProgramId = 88,
            Instructions = 120,
            Revision = 2,
            Rules = { new SteeringRuleStatus { Name = "web", Packets = 500, Bytes = 50_000, Prefixes = 100_000 } },
            DefaultPackets = 7,
            DefaultBytes = 700,
            ManagementPackets = 2,
            ManagementBytes = 84,
        },
    };

    internal static CpumapEntryStats Entry(ulong frames) => new()
    {
        Cpumap = "fan",
        Cpu = 1,
        Backend = "userspace",
        QueueSize = 192,
        QueueLevel = 16,
        Threads = 1,
        Counters = new CpumapEntryCounters
        {
            Enqueued = frames,
            Bulks = frames / 8,
            Processed = frames,
            EnqueueDrops = frames / 10,
        },
    };

    internal static SteeringRuleStats Rule(ulong packets) =>
        new() { Steering = "edge", Rule = "web", Packets = packets, Bytes = packets * 1000 };
}
