using System.Globalization;

namespace Nf.Linux;

/// <summary>How much ordinary memory can still be had without waking the OOM killer.</summary>
/// <remarks>
/// The kernel promises memory it does not have and kills somebody later. Who populates gigabytes must look first; that
/// others take memory at the same time is why a reserve is left.
/// </remarks>
public static class MemoryBudget
{
    /// <summary>Left to everyone else, at least. Arbitrary.</summary>
    private const long ReserveBytesMin = 64L << 20;

    /// <summary>Left to everyone else: one part in so many of what is available. Arbitrary.</summary>
    private const long ReserveDivisor = 16;

    private const string GroupRoot = "/sys/fs/cgroup";

    /// <summary>Bytes that can be had now: of the machine, and of the memory cgroups (v2) of this process.</summary>
    public static long AvailableBytes()
    {
        long available = AvailableIn(Read("/proc/meminfo")) ?? long.MaxValue;
        for (string? group = GroupOf(Read("/proc/self/cgroup")); group is not null; group = ParentOf(group))
        {
            string folder = GroupRoot + group.TrimEnd('/');
            available = Math.Min(available, LeftIn(Read($"{folder}/memory.max"), Read($"{folder}/memory.current")));
        }

        return available;
    }

    /// <summary>Refuses what is more than there is, less a reserve.</summary>
    /// <param name="length">Bytes about to be populated.</param>
    /// <exception cref="LinuxException">ENOMEM: names what is asked for and what there is.</exception>
    public static void Require(long length)
    {
        long available = AvailableBytes();
        long usable = available - Math.Max(ReserveBytesMin, available / ReserveDivisor);
        if (length > usable)
        {
            throw new LinuxException(
                $"{length} bytes are more than the {Math.Max(0, usable)} that can be had without harm", Errno.ENOMEM);
        }
    }

    /// <summary>MemAvailable of /proc/meminfo in bytes; null when the text has none.</summary>
    internal static long? AvailableIn(string meminfo)
    {
        const string field = "MemAvailable:";
        foreach (string line in meminfo.Split('\n'))
        {
            if (line.StartsWith(field, StringComparison.Ordinal)
                && TryNumber(line[field.Length..].Replace("kB", "", StringComparison.Ordinal), out long kibibytes))
            {
                return kibibytes * 1024;
            }
        }

        return null;
    }

    /// <summary>The path of the v2 group in /proc/self/cgroup; null when there is none.</summary>
    internal static string? GroupOf(string cgroups) => cgroups.Split('\n')
        .FirstOrDefault(line => line.StartsWith("0::/", StringComparison.Ordinal))?[3..];

    /// <summary>What a group leaves: no bound for "max" and for what cannot be read.</summary>
    internal static long LeftIn(string max, string current) =>
        TryNumber(max, out long limit) && TryNumber(current, out long used) ? Math.Max(0, limit - used) : long.MaxValue;

    private static string? ParentOf(string group) =>
        group.Length <= 1 ? null : group[..Math.Max(1, group.LastIndexOf('/'))];

    private static bool TryNumber(string text, out long number) =>
        long.TryParse(text.Trim(), NumberStyles.None, CultureInfo.InvariantCulture, out number);

    private static string Read(string path)
    {
        try
        {
            return File.ReadAllText(path);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return "";
        }
    }
}
