using System.Runtime.InteropServices;
using Nf.Linux;

namespace Nf.DataPlane.Steering;

/// <summary>
/// What the code of a set of rules looks up: lists of CPUs and tables of prefixes, all in the one value of an ARRAY
/// map, whose address the kernel writes into the code.
/// </summary>
internal sealed class RuleData
{
    // The kernel lets code address half a gigabyte of a map's value (BPF_MAX_VAR_OFF).
    private const int WordsMax = 1 << 27;

    private readonly List<ReadOnlyMemory<uint>> _parts = [];
    private int _words;

    /// <summary>The map; null where nothing is looked up. Its owner is whoever called <see cref="Create"/>.</summary>
    internal BpfMap? Map { get; private set; }

    /// <summary>Adds words.</summary>
    /// <returns>Where they begin, in bytes.</returns>
    internal uint Add(ReadOnlySpan<uint> words)
    {
        int at = _words;
        _words = checked(at + words.Length);
        if (_words > WordsMax)
        {
            throw new CommandFaultException(
                "LIMIT_REACHED", "rules: their prefix tables need more than 512 MiB", Errno.E2BIG);
        }

        _parts.Add(words.ToArray());
        return (uint)at * sizeof(uint);
    }

    /// <summary>Makes the map and fills it, before the code is written that refers to it.</summary>
    /// <exception cref="LinuxException">ENOMEM, EPERM.</exception>
    internal BpfMap? Create()
    {
        if (_words == 0)
        {
            return null;
        }

        uint[] all = new uint[_words];
        int at = 0;
        foreach (ReadOnlyMemory<uint> part in _parts)
        {
            part.Span.CopyTo(all.AsSpan(at));
            at += part.Length;
        }

        BpfMap map = BpfMap.Create(
            LinuxBpf.BPF_MAP_TYPE_ARRAY, "nf_steer_data", sizeof(uint), all.Length * sizeof(uint), 1);
        try
        {
            map.Update([0, 0, 0, 0], MemoryMarshal.AsBytes(all.AsSpan()));
            Map = map;
            return map;
        }
        catch
        {
            map.Dispose();
            throw;
        }
    }
}
