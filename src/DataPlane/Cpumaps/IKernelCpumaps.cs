using Nf.Linux;

namespace Nf.DataPlane.Cpumaps;

/// <summary>The kernel's cpumaps, as those see them that send frames into one. Control thread only.</summary>
internal interface IKernelCpumaps
{
    /// <summary>
    /// The CPUs of a cpumap have changed, by name. Raised when <see cref="Find"/> tells the new ones: after an entry
    /// was set, and before one is removed, so that a sender never chooses a CPU without an entry.
    /// </summary>
    event Action<string>? CpusChanged;

    /// <summary>The cpumap of a name; null when there is none, or it is not the kernel's.</summary>
    KernelCpumapTarget? Find(string name);

    /// <summary>Whether a program of an entry redirects to an interface: to send from there into the cpumap would be a
    /// loop.</summary>
    bool RedirectsTo(string name, NetworkNamespace network, int ifindex) => false;
}

/// <summary>A cpumap of the kernel as a target.</summary>
/// <param name="Name">Its name.</param>
/// <param name="Map">The map; stays its owner's, and open while a steering names it.</param>
/// <param name="Frags">Whether programs that send into it must be of the frags flavour (else they must not be).</param>
/// <param name="Cpus">The CPUs that have an entry, ascending.</param>
internal sealed record KernelCpumapTarget(string Name, BpfMap Map, bool Frags, IReadOnlyList<uint> Cpus);
