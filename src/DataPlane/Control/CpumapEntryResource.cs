using Nf.DataPlane.Cpumaps;
using Nf.Linux;
using Nf.V1;

namespace Nf.DataPlane.Control;

/// <summary>An entry of a cpumap as the control thread knows it.</summary>
/// <param name="spec">What it was asked to be.</param>
/// <param name="slot">Its slot in the segment.</param>
internal sealed class CpumapEntryResource(CpumapEntrySpec spec, int slot)
{
    internal uint Cpu => Spec.Cpu;

    internal CpumapEntrySpec Spec { get; } = spec;

    internal int Slot { get; } = slot;

    /// <summary>The kernel's id of its program; 0 for none, and in user space.</summary>
    internal uint ProgramId { get; init; }

    /// <summary>Where its program redirects to; null when it does not.</summary>
    internal KernelRedirect? Redirect { get; init; }

    /// <summary>What it had counted before the present counting began.</summary>
    internal CpumapCounts Earlier { get; init; }

    /// <summary>It is being removed: senders do not choose it any more.</summary>
    internal bool Leaving { get; set; }

    /// <summary>Whether it runs a program that was loaded under a name.</summary>
    internal bool Runs(string program) =>
        Spec.Program is { ProgramCase: CpumapEntryProgram.ProgramOneofCase.Loaded } asked && asked.Loaded == program;
}

/// <summary>Where the program of an entry sends frames.</summary>
/// <param name="Namespace">Network namespace of the interface.</param>
/// <param name="Ifindex">The interface.</param>
/// <param name="MapId">The kernel's id of the map that leads there.</param>
internal sealed record KernelRedirect(FileIdentity Namespace, int Ifindex, uint MapId);
