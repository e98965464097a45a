using Nf.DataPlane.Node;
using Nf.Linux;

namespace Nf.DataPlane.Tests.Node;

/// <summary>Looks at the descriptors of the whole process, so nothing else may run meanwhile.</summary>
[CollectionDefinition(nameof(FeatureProbeLeakTests), DisableParallelization = true)]
[Collection(nameof(FeatureProbeLeakTests))]
public sealed class FeatureProbeLeakTests
{
    [Fact]
    public void Probe_Twice_LeavesNothingBehind()
    {
        FeatureProbe.Probe();
        string[] before = OpenKernelObjects();

        FeatureProbe.Probe();

        Assert.Equal(before, OpenKernelObjects());
        Assert.Equal(0u, XdpAttachment.QueryProgramId(1, Linux.XdpMode.Auto));
    }

    // Programs, maps and links live as long as a descriptor does, and so do sockets.
    private static string[] OpenKernelObjects() =>
    [
        .. Directory.EnumerateFiles("/proc/self/fd")
            .Select(path => new FileInfo(path).LinkTarget ?? "")
            .Where(target => target.Contains("bpf", StringComparison.Ordinal)
                || target.StartsWith("socket:", StringComparison.Ordinal))
            .Order(StringComparer.Ordinal),
    ];
}
