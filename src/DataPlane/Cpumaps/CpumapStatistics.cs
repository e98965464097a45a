using System.Runtime.InteropServices;
using System.Text;
using Nf.Linux;

namespace Nf.DataPlane.Cpumaps;

/// <summary>What the kernel's tracepoints tell of our cpumaps. Control thread only.</summary>
internal sealed class CpumapStatistics(StatisticsObject counting) : IDisposable
{
    private const ushort KindRedirectError = 0;

    private readonly BpfMap _entries = counting.Map("entries");
    private readonly BpfMap _watchedMaps = counting.Map("watched_maps");
    private readonly BpfMap _watchedPrograms = counting.Map("watched_programs");
    private readonly BpfMap _errors = counting.Map("errors");
    private readonly byte[] _perCpu = new byte[counting.Map("entries").BufferSizeBytes];

    /// <summary>The programs and maps.</summary>
    internal StatisticsObject Counting { get; } = counting;

    /// <summary>Whether both ends of the queues are counted.</summary>
    internal bool IsComplete =>
        Counting.Runs(StatisticsObject.EnqueueProgram) && Counting.Runs(StatisticsObject.ThreadProgram);

    /// <summary>Why something is not counted; empty when everything is.</summary>
    internal string Reason => string.Join("; ", Counting.Refusals);

    /// <summary>Counts an entry from now on; goes on when it did already.</summary>
    /// <exception cref="LinuxException">There is no memory, or no room.</exception>
    internal void Watch(uint mapId, uint cpu)
    {
        _watchedMaps.Update(in mapId, in mapId);
        var key = new CpumapEntryKey { MapId = mapId, Cpu = cpu };
        Array.Clear(_perCpu);
        try
        {
            _entries.Update(
                MemoryMarshal.AsBytes(new ReadOnlySpan<CpumapEntryKey>(in key)), _perCpu, LinuxBpf.BPF_NOEXIST);
        }
        catch (LinuxException present) when (present.Errno == Errno.EEXIST)
        {
            // An entry that was deleted and is made again counts on.
        }
    }

    /// <summary>Counts errors of a program that an entry runs, and of the map it redirects through.</summary>
    /// <param name="mapId">The cpumap they are counted for.</param>
    /// <param name="programId">The program; 0 for none.</param>
    /// <param name="redirectMapId">The map; 0 for none.</param>
    internal void WatchProgram(uint mapId, uint programId, uint redirectMapId)
    {
        if (programId != 0)
        {
            _watchedPrograms.Update(in programId, in mapId);
        }

        if (redirectMapId != 0)
        {
            _watchedMaps.Update(in redirectMapId, in mapId);
        }
    }

    /// <summary>Ends what <see cref="WatchProgram"/> began.</summary>
    internal void ForgetProgram(uint programId, uint redirectMapId)
    {
        _watchedPrograms.Delete(in programId);
        _watchedMaps.Delete(in redirectMapId);
    }

    /// <summary>Forgets everything about a cpumap.</summary>
    internal void Forget(uint mapId)
    {
        _watchedMaps.Delete(in mapId);
        foreach (CpumapEntryKey key in KeysOf<CpumapEntryKey>(_entries).Where(key => key.MapId == mapId))
        {
            _entries.Delete(in key);
        }

        foreach (CpumapErrorKey key in KeysOf<CpumapErrorKey>(_errors).Where(key => key.MapId == mapId))
        {
            _errors.Delete(in key);
        }
    }

    /// <summary>Counters of an entry, over all CPUs; zero for one that is not watched.</summary>
    internal CpumapCounts Read(uint mapId, uint cpu)
    {
        var key = new CpumapEntryKey { MapId = mapId, Cpu = cpu };
        CpumapCounts sum = default;
        if (_entries.TryLookup(MemoryMarshal.AsBytes(new ReadOnlySpan<CpumapEntryKey>(in key)), _perCpu))
        {
            foreach (CpumapCounts counts in MemoryMarshal.Cast<byte, CpumapCounts>(_perCpu))
            {
                sum.Add(counts);
            }
        }

        return sum;
    }

    /// <summary>Redirects into a cpumap, or out of one of its entries, that failed.</summary>
    internal IReadOnlyList<(string Interface, string Error, ulong Packets)> ReadErrors(uint mapId)
    {
        var errors = new List<(string Interface, string Error, ulong Packets)>();
        foreach (CpumapErrorKey key in KeysOf<CpumapErrorKey>(_errors).Where(key => key.MapId == mapId))
        {
            if (_errors.TryLookup(in key, out ulong packets))
            {
                errors.Add((Text(key.Device), Word(key), packets));
            }
        }

        return
        [
            .. errors.OrderBy(e => e.Interface, StringComparer.Ordinal).ThenBy(e => e.Error, StringComparer.Ordinal),
        ];
    }

    /// <inheritdoc/>
    public void Dispose() => Counting.Dispose();

    private static string Word(CpumapErrorKey key) => key.Kind == KindRedirectError
        ? ((Errno)key.Code).ToString()
        : (uint)key.Code switch
        {
            LinuxBpf.XDP_ABORTED => "XDP_ABORTED",
            LinuxBpf.XDP_TX => "XDP_TX",
            LinuxBpf.XDP_REDIRECT => "XDP_REDIRECT",
            _ => $"XDP action {key.Code}",
        };

    private static string Text(ReadOnlySpan<byte> name)
    {
        int end = name.IndexOf((byte)0);
        return Encoding.UTF8.GetString(end < 0 ? name : name[..end]);
    }

    // A snapshot: what is deleted meanwhile would make the walk begin anew.
    private static List<TKey> KeysOf<TKey>(BpfMap map)
        where TKey : unmanaged
    {
        var keys = new List<TKey>();
        for (TKey? key = map.NextKey<TKey>(null); key is not null && keys.Count < map.MaxEntries;)
        {
            keys.Add(key.Value);
            key = map.NextKey(key);
        }

        return keys;
    }
}
