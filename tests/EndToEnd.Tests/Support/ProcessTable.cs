using System.Globalization;

namespace Nf.EndToEnd.Tests.Support;

/// <summary>What /proc tells about a process.</summary>
internal static class ProcessTable
{
    /// <summary>Children of a process, whichever of its threads started them.</summary>
    internal static IReadOnlyList<int> Children(int pid)
    {
        return
        [
            .. Directory.GetDirectories(Folder(pid, "task"))
                .Select(task => File.ReadAllText(Path.Combine(task, "children")))
                .SelectMany(text => text.Split(' ', StringSplitOptions.RemoveEmptyEntries))
                .Select(child => int.Parse(child, CultureInfo.InvariantCulture)),
        ];
    }

    /// <summary>What the descriptors of a process refer to, without the numbers that differ, and without assemblies:
    /// the runtime opens one when a method that needs it is compiled, or compiled better.</summary>
    internal static IReadOnlyList<string> Descriptors(int pid)
    {
        return
        [
            .. Directory.GetFileSystemEntries(Folder(pid, "fd")).Select(fd => new FileInfo(fd).LinkTarget ?? "gone")
                .Where(target => !target.EndsWith(".dll", StringComparison.Ordinal))
                .Select(target => target.StartsWith('/') ? target : target.Split(':')[0])
                .Order(StringComparer.Ordinal),
        ];
    }

    /// <summary>How many descriptors of a process have a line of this name in their fdinfo.</summary>
    internal static int DescriptorsWith(int pid, string name)
    {
        return Directory.GetFiles(Folder(pid, "fdinfo"))
            .Count(info => File.ReadLines(info).Any(line => line.StartsWith($"{name}:", StringComparison.Ordinal)));
    }

    /// <summary>Shared mappings of a process but the runtime's own: packet memory, rings, segment.</summary>
    internal static IReadOnlyList<string> SharedMappings(int pid)
    {
        return
        [
            .. File.ReadLines(Folder(pid, "maps")).Where(line => line.Split(' ')[1].EndsWith('s'))
                .Select(line => line.Split(' ', 6, StringSplitOptions.RemoveEmptyEntries) is [.., _, var path]
                    && path.Contains('/', StringComparison.Ordinal) ? path : "anonymous")
                .Where(path => !path.Contains("doublemapper", StringComparison.Ordinal)
                    && !path.EndsWith(".dll", StringComparison.Ordinal)).Order(StringComparer.Ordinal),
        ];
    }

    /// <summary>Mappings of a process that nobody else can share: the runtime's.</summary>
    internal static int PrivateMappingCount(int pid) =>
        File.ReadLines(Folder(pid, "maps")).Count(line => line.Split(' ')[1].EndsWith('p'));

    /// <summary>Calls of read(2) and write(2), and their kind, that threads of a name have made so far.</summary>
    internal static ulong ReadsAndWrites(int pid, string threadPrefix)
    {
        return Directory.GetDirectories(Folder(pid, "task"))
            .Where(task =>
                File.ReadAllText(Path.Combine(task, "comm")).StartsWith(threadPrefix, StringComparison.Ordinal))
            .SelectMany(task => File.ReadLines(Path.Combine(task, "io")))
            .Where(line => line.StartsWith("syscr: ", StringComparison.Ordinal)
                || line.StartsWith("syscw: ", StringComparison.Ordinal))
            .Aggregate(0ul, (sum, line) => sum + ulong.Parse(line.Split(' ')[1], CultureInfo.InvariantCulture));
    }

    /// <summary>Lines of /proc/PID/maps.</summary>
    internal static int MappingCount(int pid) => File.ReadLines(Folder(pid, "maps")).Count();

    private static string Folder(int pid, string name) => $"/proc/{pid.ToString(CultureInfo.InvariantCulture)}/{name}";
}
