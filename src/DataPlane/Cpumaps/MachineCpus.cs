using System.Globalization;

namespace Nf.DataPlane.Cpumaps;

/// <summary>The CPUs of this machine, as sysfs tells.</summary>
/// <param name="directory">Where sysfs tells of them.</param>
internal sealed class MachineCpus(string directory = "/sys/devices/system/cpu")
{
    /// <summary>CPUs the kernel is built for (NR_CPUS): one more than the highest number it knows.</summary>
    internal uint BuiltFor => uint.Parse(Read("kernel_max"), CultureInfo.InvariantCulture) + 1;

    /// <summary>CPUs that could ever be there, ascending.</summary>
    internal IReadOnlyList<uint> Possible => Parse(Read("possible"));

    /// <summary>CPUs that run now, ascending.</summary>
    internal IReadOnlyList<uint> Online => Parse(Read("online"));

    /// <summary>Reads a list of the kernel's, such as <c>0-3,8</c>.</summary>
    internal static IReadOnlyList<uint> Parse(string list)
    {
        var cpus = new List<uint>();
        foreach (string range in list.Split(',', StringSplitOptions.RemoveEmptyEntries))
        {
            string[] ends = range.Split('-');
            uint last = uint.Parse(ends[^1], CultureInfo.InvariantCulture);
            for (uint cpu = uint.Parse(ends[0], CultureInfo.InvariantCulture); cpu <= last; cpu++)
            {
                cpus.Add(cpu);
            }
        }

        return cpus;
    }

    private string Read(string name) => File.ReadAllText(Path.Combine(directory, name)).Trim();
}
