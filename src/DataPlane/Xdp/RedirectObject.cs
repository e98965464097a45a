using Nf.Linux;

namespace Nf.DataPlane.Xdp;

/// <summary>Loads Bpf/xsk_redirect.bpf.c: one of its two programs, with a new map or with one that is in use.</summary>
internal static class RedirectObject
{
    /// <summary>
    /// Slots of a map at most. Arbitrary: no driver of today has more queues, and the kernel accounts 8 bytes for each.
    /// </summary>
    internal const uint QueueCountMax = 1024;

    private const string Resource = "xsk_redirect.bpf.o";
    private const string MapName = "xsks_map";
    private const string PlainProgram = "nf_xsk";
    private const string FragsProgram = "nf_xsk_frags";

    private static readonly Lazy<byte[]> Elf = new(ReadResource);

    /// <summary>Loads a program with a new map; both are the caller's.</summary>
    /// <exception cref="BpfLoadException">
    /// EPERM without CAP_BPF and CAP_NET_ADMIN; EINVAL for frags before 5.18.
    /// </exception>
    internal static (BpfProgram Program, BpfMap Map) Load(bool frags, uint queueCountMax)
    {
        using BpfObject loaded = BpfObject.Load(Elf.Value, Resource, settings =>
        {
            SelectProgram(settings, frags);
            settings.SetMaxEntries(MapName, queueCountMax);
        });
        return (KeepProgram(loaded, frags), new BpfMap(loaded.Maps[MapName].Descriptor.Duplicate()));
    }

    /// <summary>Loads a program onto a map that is in use; the program is the caller's.</summary>
    internal static BpfProgram Load(bool frags, BpfMap map)
    {
        using BpfObject loaded = BpfObject.Load(Elf.Value, Resource, settings =>
        {
            SelectProgram(settings, frags);
            settings.ReuseMap(MapName, map);
        });
        return KeepProgram(loaded, frags);
    }

    private static string NameOf(bool frags) => frags ? FragsProgram : PlainProgram;

    // The other flavour is not even offered to the kernel, which may not know it.
    private static void SelectProgram(BpfObjectSettings settings, bool frags) =>
        settings.SetAutoload(NameOf(!frags), false);

    // The object closes its own descriptors.
    private static BpfProgram KeepProgram(BpfObject loaded, bool frags) =>
        new(loaded.Programs[NameOf(frags)].Descriptor.Duplicate());

    private static byte[] ReadResource()
    {
        using Stream stream = typeof(RedirectObject).Assembly.GetManifestResourceStream(Resource)
            ?? throw new InvalidOperationException($"resource {Resource} is not embedded");
        byte[] bytes = new byte[stream.Length];
        stream.ReadExactly(bytes);
        return bytes;
    }
}
