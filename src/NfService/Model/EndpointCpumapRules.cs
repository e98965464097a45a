using Nf.V1;

namespace Nf.Service;

/// <summary>The rules of how the frames of an endpoint are spread over CPUs.</summary>
internal static class EndpointCpumapRules
{
    /// <summary>Fills in the defaults.</summary>
    public static void Normalise(EndpointCpumap? cpumap)
    {
        if (cpumap is not null)
        {
            cpumap.Selection = CpuSelectionRules.Normalise(cpumap.Selection);
        }
    }

    /// <summary>Notes every fault; none when it is unset.</summary>
    public static void Check(SpecFaults faults, string field, EndpointCpumap? cpumap)
    {
        if (cpumap is not null)
        {
            ResourceName.Check(faults, $"{field}.cpumap", cpumap.Cpumap);
            CpuSelectionRules.Check(faults, $"{field}.selection", cpumap.Selection);
        }
    }
}
