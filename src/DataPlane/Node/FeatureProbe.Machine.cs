using System.Globalization;
using Nf.DataPlane.Xdp;
using Nf.Linux;

namespace Nf.DataPlane.Node;

// What BPF and the machine's memory offer.
internal static partial class FeatureProbe
{
    private const int HugePageKib2M = 2048;
    private const int HugePageKib1G = 1048576;

    // The loopback of every network namespace; it has no native XDP.
    private const int IfindexOfLoopback = 1;

    // Programs per round of live frames at most (TEST_XDP_MAX_BATCH).
    private const int LiveBatchMax = 256;

    private static Finding TryNetdev()
    {
        using NetdevNetlink? netdev = NetdevNetlink.TryOpen();
        return netdev is null
            ? new Finding(false, "no generic netlink family netdev (before 6.3)")
            : new Finding(true, "");
    }

    // A driver without XDP is asked to take a link: kernels with links say so, kernels without do not know the attach
    // type.
    private static Finding TryXdpLink()
    {
        (BpfProgram program, BpfMap map) = RedirectObject.Load(frags: false, queueCountMax: 1);
        using (program)
        using (map)
        {
            try
            {
                using BpfLink link = BpfLink.AttachXdp(program, IfindexOfLoopback, XdpMode.Native);
                return new Finding(true, "");
            }
            catch (LinuxException refusal) when (
                refusal.Errno is Errno.EOPNOTSUPP or Errno.EBUSY or Errno.EEXIST)
            {
                return new Finding(true, "");
            }
        }
    }

    private static Finding TryXdpFrags()
    {
        (BpfProgram program, BpfMap map) = RedirectObject.Load(frags: true, queueCountMax: 1);
        program.Dispose();
        map.Dispose();
        return new Finding(true, "");
    }

    // One frame more per round than allowed: kernels with live frames find that too large before they run anything.
    private static Finding TryLiveFrames()
    {
        (BpfProgram program, BpfMap map) = RedirectObject.Load(frags: false, queueCountMax: 1);
        using (program)
        using (map)
        {
            try
            {
                BpfProgRun.LiveFrames(program, new byte[64], repeat: 1, LiveBatchMax + 1, IfindexOfLoopback);
                return new Finding(true, "");
            }
            catch (LinuxException refusal) when (refusal.Errno == Errno.E2BIG)
            {
                return new Finding(true, "");
            }
        }
    }

    private static Finding TrySharedSignals()
    {
        try
        {
            EventFd.ProbeSharedSignals();
            return new Finding(true, "");
        }
        catch (LinuxException refusal)
        {
            return new Finding(false, $"{refusal.Message}; a front-end could make a worker wait when it signals");
        }
    }

    private static Finding ReadHugePages(int pageKib)
    {
        string directory = $"/sys/kernel/mm/hugepages/hugepages-{pageKib}kB";
        if (!Directory.Exists(directory))
        {
            return new Finding(false, $"the kernel has no pages of {pageKib} KiB");
        }

        ulong free = ReadCount($"{directory}/free_hugepages");
        ulong reserved = ReadCount($"{directory}/nr_hugepages");
        return new Finding(free > 0, $"{free} of {reserved} pages free");
    }

    private static ulong ReadCount(string path) =>
        ulong.Parse(File.ReadAllText(path).Trim(), CultureInfo.InvariantCulture);
}
