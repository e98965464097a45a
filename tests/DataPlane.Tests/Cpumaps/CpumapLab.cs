using Google.Protobuf;
using Nf.DataPlane.Control;
using Nf.DataPlane.Cpumaps;
using Nf.DataPlane.Tests.Review;
using Nf.DataPlane.Tests.Xdp;
using Nf.Internal.V1;
using Nf.Linux;
using Nf.V1;

namespace Nf.DataPlane.Tests.Cpumaps;

/// <summary>The control side of a life, and the commands of cpumaps.</summary>
internal sealed class CpumapLab : IDisposable
{
    private readonly MemoryStore _store = new();

    internal CpumapLab() => Life = new ReviewLife(_store);

    internal ReviewLife Life { get; private set; }

    internal KernelCpumaps Kernel => Life.Commands.KernelCpumaps;

    internal MemoryStore Store => _store;

    /// <summary>The life ends as by SIGKILL, and the next one adopts what the keeper has.</summary>
    /// <returns>What it could not adopt.</returns>
    internal IReadOnlyList<string> NextLife()
    {
        ReviewLife earlier = Life;
        earlier.Dispose();
        Life = new ReviewLife(_store, earlier);
        return Life.Adopt(_store.HandOver());
    }

    internal Reply TryCreate(string name, CpumapSpec? spec = null) => Life.Do(new Internal.V1.Command
    {
        CreateCpumap = new CreateCpumap { Cpumap = new Cpumap { Name = name, Spec = spec ?? new CpumapSpec() } },
    });

    internal Cpumap Create(string name, CpumapSpec? spec = null) => Checked(TryCreate(name, spec)).Cpumap;

    internal BpfMap MapOf(string name) => Kernel.Find(name)!.Map;

    internal Reply TryUpdate(
        string name, uint cpu, uint queueSize, CpumapEntryProgram? program = null,
        CpumapUpdateMode mode = CpumapUpdateMode.Any, uint drainMs = 5000) => Life.Do(new Internal.V1.Command
        {
            UpdateCpumapEntry = new UpdateCpumapEntry
            {
                Cpumap = name,
                Entry = new CpumapEntrySpec { Cpu = cpu, QueueSize = queueSize, Program = program },
                Mode = mode,
                DrainTimeoutMs = drainMs,
            },
        });

    internal CpumapEntryDone Update(string name, uint cpu, uint queueSize, CpumapEntryProgram? program = null) =>
        Checked(TryUpdate(name, cpu, queueSize, program)).CpumapEntry;

    internal Reply TryDeleteEntry(string name, uint cpu, uint drainMs = 5000) => Life.Do(new Internal.V1.Command
    {
        DeleteCpumapEntry = new DeleteCpumapEntry { Cpumap = name, Cpu = cpu, DrainTimeoutMs = drainMs },
    });

    internal Reply Delete(string name) =>
        Life.Do(new Internal.V1.Command { DeleteCpumap = new DeleteCpumap { Name = name } });

    internal Reply Load(string name, byte[] elf, string section = "") => Life.Do(new Internal.V1.Command
    {
        LoadCpumapProgram = new LoadCpumapProgram
        {
            Program = new CpumapProgram
            {
                Name = name,
                Spec = new CpumapProgramSpec
                {
                    Elf = new CpumapElf { File = ByteString.CopyFrom(elf), Section = section },
                },
            },
        },
    });

    internal Reply Unload(string name) =>
        Life.Do(new Internal.V1.Command { UnloadCpumapProgram = new UnloadCpumapProgram { Name = name } });

    internal CpumapStatus StatusOf(string name) =>
        Life.Commands.Cpumaps.Describe(Life.Resources.Cpumap(name)).Status;

    internal CpumapEntry EntryOf(string name, uint cpu) => StatusOf(name).Entries.Single(entry => entry.Cpu == cpu);

    /// <summary>Threads that /proc shows of an entry.</summary>
    internal uint ThreadsOf(string name, uint cpu) =>
        KernelThreads.CountInProc(KernelThreads.NameOf(MapOf(name).Id, cpu));

    /// <summary>Waits until /proc shows so many. A thread tells of its end a moment before it leaves /proc.</summary>
    internal void AssertThreads(string name, uint cpu, uint expected) =>
        Await.Until(() => ThreadsOf(name, cpu) == expected, $"{name}/{cpu} to have {expected} threads in /proc");

    internal static CpumapEntryProgram Builtin(BuiltinCpumapProgram which) => new() { Builtin = which };

    internal static CpumapEntryProgram Named(string program) => new() { Loaded = program };

    internal static Reply Checked(Reply reply)
    {
        Assert.True(reply.Fault is null, reply.Fault?.Message);
        return reply;
    }

    public void Dispose()
    {
        Life.Dispose();
        _store.Dispose();
    }
}
