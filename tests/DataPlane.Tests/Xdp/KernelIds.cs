using System.Diagnostics;
using Nf.DataPlane.Xdp;
using Nf.Linux;

namespace Nf.DataPlane.Tests.Xdp;

/// <summary>The kernel's numbers of what one interface program consists of.</summary>
internal sealed record KernelIds(uint Program, uint Map, uint Link)
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(5);

    internal static KernelIds Of(InterfaceProgram program)
    {
        FileDescriptor[] descriptors = program.Describe().Descriptors;
        using var map = new BpfMap(descriptors[1].Duplicate());
        using BpfLink? link = descriptors.Length > 3 ? new BpfLink(descriptors[3].Duplicate()) : null;
        return new KernelIds(program.ProgramId, map.Id, link?.Id ?? 0);
    }

    /// <summary>Whether all of it is there.</summary>
    internal bool Exist() => Count() == (Link == 0 ? 2 : 3);

    /// <summary>Nothing of it is there; the kernel frees after a grace period, so asks until then.</summary>
    internal void AssertGone()
    {
        for (var clock = Stopwatch.StartNew(); Count() != 0;)
        {
            Assert.True(clock.Elapsed < Patience, $"{this} still there: {Count()} of them");
        }
    }

    private int Count() =>
        (IsThere("prog", Program) ? 1 : 0) + (IsThere("map", Map) ? 1 : 0)
        + (Link != 0 && IsThere("link", Link) ? 1 : 0);

    private static bool IsThere(string kind, uint id) => Command.Run("bpftool", $"{kind} show id {id}").Code == 0;
}
