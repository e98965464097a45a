using Nf.Linux;

namespace Nf.DataPlane.Cpumaps;

/// <summary>Who sends frames into cpumaps of the kernel: what their owner asks before it takes one away.</summary>
internal interface ICpumapSenders
{
    /// <summary>Names of the steerings whose rules name the cpumap, ascending.</summary>
    IEnumerable<string> SteeringsInto(string cpumap);

    /// <summary>Cpumaps that the rules of an interface send into: a redirect to it would come back there.</summary>
    IEnumerable<string> CpumapsFedBy(NetworkNamespace network, int ifindex);
}
