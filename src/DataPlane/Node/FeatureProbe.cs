using Nf.Linux;
using Nf.V1;

namespace Nf.DataPlane.Node;

/// <summary>
/// Finds out what the kernel and the machine offer by trying, because backports make a version number say little.
/// Leaves nothing behind, and sends nothing.
/// </summary>
internal static partial class FeatureProbe
{
    private static readonly (string Name, Func<Finding> Try)[] Probes =
    [
        ("af_xdp", TrySocket),
        ("need_wakeup", TryNeedWakeup),
        ("tx_metadata", TryTxMetadata),
        ("headroom_limit", TryHeadroomLimit),
        ("use_sg", TryScatterGather),
        ("max_tx_skb_budget", TryTxBudget),
        ("netdev_genl", TryNetdev),
        ("xdp_link", TryXdpLink),
        ("xdp_frags", TryXdpFrags),
        ("live_frames", TryLiveFrames),
        ("aio_resfd", TrySharedSignals),
        ("hugepages_2m", () => ReadHugePages(HugePageKib2M)),
        ("hugepages_1g", () => ReadHugePages(HugePageKib1G)),
    ];

    /// <summary>Every feature known here, present or not, with what was found; then the capabilities.</summary>
    internal static IReadOnlyList<Feature> Probe()
    {
        List<Feature> features = [.. Probes.Select(probe => ToFeature(probe.Name, Run(probe.Try)))];
        ulong effective = Capabilities.ReadEffective();
        features.AddRange(Capabilities.Needed.Select(needed => ToFeature(needed, effective)));
        return features;
    }

    /// <summary>A capability as a feature: when it is absent, the detail says what does not work.</summary>
    internal static Feature ToFeature(Capability needed, ulong effective)
    {
        bool present = (effective & (1ul << needed.Bit)) != 0;
        return new Feature
        {
            Name = needed.Name.ToLowerInvariant(),
            Present = present,
            Detail = present ? needed.Purpose : $"{needed.Name} is missing, without it: no {needed.Purpose}",
        };
    }

    private static Feature ToFeature(string name, Finding finding) =>
        new() { Name = name, Present = finding.Present, Detail = finding.Detail };

    // A refusal that a probe does not expect is an answer too: not usable here, and why.
    private static Finding Run(Func<Finding> probe)
    {
        try
        {
            return probe();
        }
        catch (LinuxException refusal)
        {
            return new Finding(false, refusal.Message);
        }
        catch (BpfLoadException refusal)
        {
            return new Finding(false, $"bpf(BPF_PROG_LOAD): {refusal.Errno}");
        }
        catch (IOException failure)
        {
            return new Finding(false, failure.Message);
        }
    }

    private readonly record struct Finding(bool Present, string Detail);
}
