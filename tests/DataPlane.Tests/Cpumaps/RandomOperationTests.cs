using FsCheck;
using FsCheck.Fluent;
using Nf.Internal.V1;
using Nf.Linux;
using Nf.V1;

namespace Nf.DataPlane.Tests.Cpumaps;

/// <summary>Random operations on two cpumaps of the kernel against a model that is a dictionary.</summary>
[Trait("Tier", "kernel")]
public class RandomOperationTests
{
    private const int Runs = 100;
    private const int OperationsPerRun = 100;
    private const uint MaxEntries = 250;

    private static readonly string[] Maps = ["a", "b"];
    private static readonly uint[] Cpus = [0, 1, 200, MaxEntries - 1, MaxEntries, uint.MaxValue];
    private static readonly uint[] QueueSizes = [0, 1, 8, 100, 16384, 16385, uint.MaxValue];

    [Fact]
    public void Operations_AnyOrder_KernelAndModelAgree()
    {
        using var lab = new CpumapLab();
        foreach (string map in Maps)
        {
            lab.Create(map, new CpumapSpec { MaxEntries = MaxEntries });
        }

        var model = Maps.ToDictionary(map => map, _ => new Dictionary<uint, uint>());
        Gen<Operation> operation =
            from map in Gen.Elements(Maps)
            from removes in Gen.Frequency((1, Gen.Constant(true)), (4, Gen.Constant(false)))
            from cpu in Gen.Frequency((4, Gen.Elements(0u, 1u)), (1, Gen.Elements(Cpus)))
            from queueSize in Gen.Elements(QueueSizes)
            from mode in Gen.Frequency((3, Gen.Constant(0)), (2, Gen.Elements(1, 2, 3)), (1, Gen.Elements(-1, 4, 99)))
            select new Operation(map, removes, cpu, queueSize, (CpumapUpdateMode)mode);

        Prop.ForAll(operation.ArrayOf(OperationsPerRun).ToArbitrary(), operations =>
        {
            foreach (Operation one in operations)
            {
                Carry(lab, model[one.Map], one);
            }

            AssertSame(lab, model);
        }).Check(Config.QuickThrowOnFailure.WithMaxTest(Runs));

        foreach (string map in Maps)
        {
            foreach (uint cpu in new uint[] { 0, 1 })
            {
                uint expected = model[map].ContainsKey(cpu) ? 1u : 0;
                lab.AssertThreads(map, cpu, expected);
            }
        }
    }

    private static void Carry(CpumapLab lab, Dictionary<uint, uint> model, Operation one)
    {
        Errno? expected = Expected(model, one);
        Reply reply = one.Removes
            ? lab.TryDeleteEntry(one.Map, one.Cpu, drainMs: 0)
            : lab.TryUpdate(one.Map, one.Cpu, one.QueueSize, mode: one.Mode, drainMs: 0);
        Errno? told = reply.Fault is { } fault ? (Errno)fault.Errno : null;
        Assert.True(told == expected, $"{one}: {told} {reply.Fault?.Message}, the model says {expected}");
        if (expected is null)
        {
            if (one.Removes || one.QueueSize == 0)
            {
                model.Remove(one.Cpu);
            }
            else
            {
                model[one.Cpu] = one.QueueSize;
            }
        }
    }

    private static Errno? Expected(Dictionary<uint, uint> model, Operation one)
    {
        bool present = model.ContainsKey(one.Cpu);
        return one switch
        {
            { Removes: true } => one.Cpu >= MaxEntries ? Errno.E2BIG : null,
            { Mode: < 0 or > CpumapUpdateMode.Exist } => Errno.EINVAL,
            { Cpu: >= MaxEntries } => Errno.E2BIG,
            { Mode: CpumapUpdateMode.Noexist } when present => Errno.EEXIST,
            { Mode: CpumapUpdateMode.Exist } when !present => Errno.ENOENT,
            { QueueSize: > 16384 } => Errno.EOVERFLOW,
            _ => one.Cpu >= BpfMap.PossibleCpuCount ? Errno.ENODEV : null,
        };
    }

    private static void AssertSame(CpumapLab lab, Dictionary<string, Dictionary<uint, uint>> model)
    {
        foreach ((string map, Dictionary<uint, uint> expected) in model)
        {
            var kernel = new Dictionary<uint, uint>();
            for (uint cpu = 0; cpu < MaxEntries; cpu++)
            {
                if (lab.MapOf(map).TryLookupCpumap(cpu, out uint queueSize, out _))
                {
                    kernel.Add(cpu, queueSize);
                }
            }

            Assert.Equal(expected.OrderBy(e => e.Key), kernel.OrderBy(e => e.Key));
            Assert.Equal(
                expected.OrderBy(e => e.Key),
                lab.StatusOf(map).Entries.Select(e => KeyValuePair.Create(e.Cpu, e.QueueSize)));
        }
    }

    private sealed record Operation(string Map, bool Removes, uint Cpu, uint QueueSize, CpumapUpdateMode Mode);
}
