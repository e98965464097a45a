using System.Security.Cryptography;
using Nf.Linux;

namespace Nf.DataPlane.Cpumaps;

/// <summary>
/// Bpf/cpumap_stats.bpf.c: its maps, and the links of those of its programs that this kernel takes. Each program is
/// loaded by itself, because kernels differ in the tracepoints they have.
/// </summary>
internal sealed class StatisticsObject : IDisposable
{
    /// <summary>Maps, in the order in which the keeper holds them.</summary>
    internal static readonly string[] MapNames =
        ["entries", "watched_maps", "watched_programs", "ended_threads", "errors"];

    internal const string EnqueueProgram = "nf_enqueue";
    internal const string ThreadProgram = "nf_kthread";
    internal const string ThreadEndProgram = "nf_thread_end";

    private const string Resource = "cpumap_stats.bpf.o";

    private static readonly string[] ProgramNames =
        [EnqueueProgram, ThreadProgram, "nf_redirect_err", "nf_exception", ThreadEndProgram];

    private static readonly Lazy<byte[]> Elf = new(() => EmbeddedObject.Read(Resource));

    private readonly Dictionary<string, BpfMap> _maps;
    private readonly Dictionary<string, BpfLink> _links;

    internal StatisticsObject(
        Dictionary<string, BpfMap> maps, Dictionary<string, BpfLink> links, IReadOnlyList<string> refusals)
    {
        _maps = maps;
        _links = links;
        Refusals = refusals;
    }

    /// <summary>Which object this is: what another one has counted cannot be gone on with.</summary>
    internal static string Hash => Convert.ToHexStringLower(SHA256.HashData(Elf.Value));

    /// <summary>Names of the programs that run, in the order of <see cref="Links"/>.</summary>
    internal IReadOnlyCollection<string> Attached => _links.Keys;

    /// <summary>Their links.</summary>
    internal IReadOnlyCollection<BpfLink> Links => _links.Values;

    /// <summary>Why the others do not run.</summary>
    internal IReadOnlyList<string> Refusals { get; }

    /// <summary>A map of the object.</summary>
    internal BpfMap Map(string name) => _maps[name];

    /// <summary>Whether a program runs.</summary>
    internal bool Runs(string program) => _links.ContainsKey(program);

    /// <summary>Makes the maps, loads and attaches what this kernel takes.</summary>
    /// <exception cref="BpfLoadException">Not even the maps can be made.</exception>
    internal static StatisticsObject Load()
    {
        var maps = new Dictionary<string, BpfMap>();
        var links = new Dictionary<string, BpfLink>();
        var refusals = new List<string>();
        try
        {
            using (BpfObject first = BpfObject.Load(Elf.Value, Resource, settings => SelectOnly(settings, "")))
            {
                foreach (string name in MapNames)
                {
                    maps.Add(name, new BpfMap(first.Maps[name].Descriptor.Duplicate()));
                }
            }

            foreach (string program in ProgramNames)
            {
                TryAttach(program, maps, links, refusals);
            }

            return new StatisticsObject(maps, links, refusals);
        }
        catch
        {
            Close(maps, links);
            throw;
        }
    }

    /// <summary>Closes the descriptors; what the keeper holds goes on counting.</summary>
    public void Dispose() => Close(_maps, _links);

    private static void TryAttach(
        string program, Dictionary<string, BpfMap> maps, Dictionary<string, BpfLink> links, List<string> refusals)
    {
        try
        {
            using BpfObject loaded = BpfObject.Load(Elf.Value, Resource, settings =>
            {
                SelectOnly(settings, program);
                foreach ((string name, BpfMap map) in maps)
                {
                    settings.ReuseMap(name, map);
                }
            });
            links.Add(program, BpfLink.AttachRawTracepoint(loaded.Programs[program], null));
        }
        catch (BpfLoadException refusal)
        {
            refusals.Add($"{program}: {refusal.Errno}");
        }
        catch (LinuxException refusal)
        {
            refusals.Add($"{program}: {refusal.Message}");
        }
    }

    private static void SelectOnly(BpfObjectSettings settings, string program)
    {
        foreach (string name in ProgramNames)
        {
            settings.SetAutoload(name, name == program);
        }
    }

    private static void Close(Dictionary<string, BpfMap> maps, Dictionary<string, BpfLink> links)
    {
        foreach (BpfLink link in links.Values)
        {
            link.Dispose();
        }

        foreach (BpfMap map in maps.Values)
        {
            map.Dispose();
        }
    }
}
