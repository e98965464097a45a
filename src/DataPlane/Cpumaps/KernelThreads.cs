using System.Collections.Concurrent;
using System.Globalization;
using System.Text;
using Nf.Linux;

namespace Nf.DataPlane.Cpumaps;

/// <summary>
/// How many threads the kernel has for an entry: more than one while replaced ones drain. Every update of an entry
/// makes one; the ends are counted by a program at a tracepoint, which works from within a PID namespace too, and costs
/// a look-up. Where that program does not run, the threads are looked for in /proc.
/// </summary>
/// <param name="ended">The map of ends by name; null when they are not counted.</param>
internal sealed class KernelThreads(BpfMap? ended)
{
    /// <summary>kthreadd, the parent of all threads of the kernel.</summary>
    private const string ParentName = "kthreadd";

    /// <summary>Characters of a name in /proc before 5.17.</summary>
    private const int ShortNameChars = 15;

    private readonly ConcurrentDictionary<(uint MapId, uint Cpu), ulong> _begun = new();

    /// <summary>Whether threads can be counted at all.</summary>
    internal bool CanCount => ended is not null || SeesKernelThreads;

    // In a PID namespace of its own a process sees no thread of the kernel, and 2 is somebody else.
    private static bool SeesKernelThreads => TryReadName("2") == ParentName;

    /// <summary>What the kernel calls the thread of an entry.</summary>
    internal static string NameOf(uint mapId, uint cpu) =>
        string.Create(CultureInfo.InvariantCulture, $"cpumap/{cpu}/map:{mapId}");

    /// <summary>Begins to count; before the first thread of an entry is made.</summary>
    internal void Watch(uint mapId, uint cpu)
    {
        if (ended is null)
        {
            return;
        }

        ThreadName name = Bytes(mapId, cpu);
        ulong none = 0;
        try
        {
            ended.Update(in name, in none, LinuxBpf.BPF_NOEXIST);
        }
        catch (LinuxException present) when (present.Errno == Errno.EEXIST)
        {
            // There was an entry before.
        }
    }

    /// <summary>An update has made a thread.</summary>
    internal void Begun(uint mapId, uint cpu) => _begun.AddOrUpdate((mapId, cpu), 1, (_, count) => count + 1);

    /// <summary>Takes over from an earlier life: as many threads began as ended, and one more if one runs.</summary>
    /// <remarks>One that is still draining then is not seen.</remarks>
    internal void Adopt(uint mapId, uint cpu, bool runs)
    {
        Watch(mapId, cpu);
        _begun[(mapId, cpu)] = Ended(mapId, cpu) + (runs ? 1u : 0);
    }

    /// <summary>Threads of an entry that have not ended; null when that cannot be found out.</summary>
    internal uint? Alive(uint mapId, uint cpu)
    {
        if (ended is null)
        {
            return SeesKernelThreads ? CountInProc(NameOf(mapId, cpu)) : null;
        }

        ulong begun = _begun.GetValueOrDefault((mapId, cpu));
        ulong over = Ended(mapId, cpu);
        return begun > over ? (uint)(begun - over) : 0;
    }

    /// <summary>Forgets an entry whose threads have ended.</summary>
    internal void Forget(uint mapId, uint cpu)
    {
        ThreadName name = Bytes(mapId, cpu);
        ended?.Delete(in name);
        _begun.TryRemove((mapId, cpu), out _);
    }

    /// <summary>Threads of that name which /proc shows.</summary>
    internal static uint CountInProc(string name)
    {
        string shortened = name[..Math.Min(name.Length, ShortNameChars)];
        bool hasFullNames = TryReadRelease() is { } release && release >= new Version(5, 17);
        return (uint)ChildrenOfKernel().Count(id => TryReadName(id) == (hasFullNames ? name : shortened));
    }

    private static IEnumerable<string> ChildrenOfKernel()
    {
        const string Children = "/proc/2/task/2/children"; // CONFIG_PROC_CHILDREN
        return File.Exists(Children)
            ? File.ReadAllText(Children).Split(' ', StringSplitOptions.RemoveEmptyEntries)
            : Directory.EnumerateDirectories("/proc").Select(path => Path.GetFileName(path))
                .Where(id => char.IsAsciiDigit(id[0]));
    }

    private static string? TryReadName(string id)
    {
        try
        {
            return File.ReadAllText($"/proc/{id}/comm").TrimEnd('\n');
        }
        catch (IOException)
        {
            return null; // it ended meanwhile
        }
        catch (UnauthorizedAccessException)
        {
            return null;
        }
    }

    private static Version? TryReadRelease()
    {
        string release = File.ReadAllText("/proc/sys/kernel/osrelease");
        string numbers = new([.. release.TakeWhile(c => char.IsAsciiDigit(c) || c == '.')]);
        return Version.TryParse(numbers.TrimEnd('.'), out Version? version) ? version : null;
    }

    private static ThreadName Bytes(uint mapId, uint cpu)
    {
        ThreadName name = default;
        Encoding.ASCII.GetBytes(NameOf(mapId, cpu), name);
        return name;
    }

    private ulong Ended(uint mapId, uint cpu)
    {
        ThreadName name = Bytes(mapId, cpu);
        return ended!.TryLookup(in name, out ulong count) ? count : 0;
    }
}
