using System.Globalization;
using Nf.DataPlane.Tests.Xdp;
using Nf.Linux;

namespace Nf.DataPlane.Tests.Cpumaps;

/// <summary>Sends frames into a cpumap from a CPU that may be chosen: an XDP program run on real frames.</summary>
internal sealed class CpumapFeed : IDisposable
{
    /// <summary>Ethernet, IPv4, UDP and a payload of zeroes.</summary>
    internal const int FrameBytes = 64;

    private const string Source = """
        struct settings {
        	__u32 cpu;
        	__u32 fallback;
        };
        const volatile struct settings settings;
        struct {
        	__uint(type, BPF_MAP_TYPE_CPUMAP);
        	__uint(key_size, 4);
        	__uint(value_size, 8);
        	__uint(max_entries, 1);
        } cpus SEC(".maps");
        SEC("SECTION")
        int feed(struct xdp_md *ctx)
        {
        	return bpf_redirect_map(&cpus, settings.cpu, settings.fallback);
        }
        """;

    private readonly VethLab _lab;
    private readonly BpfObject _object;

    /// <param name="lab">Frames seem to come in by its inner device.</param>
    /// <param name="map">The cpumap.</param>
    /// <param name="cpu">Where frames go.</param>
    /// <param name="frags">Whether the program takes frames of several buffers.</param>
    /// <param name="fallback">The verdict when the CPU has no entry.</param>
    internal CpumapFeed(VethLab lab, BpfMap map, uint cpu, bool frags = false, uint fallback = LinuxBpf.XDP_DROP)
    {
        _lab = lab;
        string section = frags ? "xdp.frags" : "xdp";
        byte[] elf = BpfSource.Compile(Source.Replace("SECTION", section, StringComparison.Ordinal));
        _object = BpfObject.Load(elf, "feed", settings =>
        {
            settings.SetMaxEntries("cpus", map.MaxEntries);
            settings.ReuseMap("cpus", map);
            settings.SetReadOnlyData(new Settings(cpu, fallback));
        });
    }

    /// <summary>Sends frames; returns when all were run, not when they arrived.</summary>
    internal void Send(int count, int batch = 64) => _lab.Inner.Run(
        () => BpfProgRun.LiveFrames(_object.Programs["feed"], Frame(), count, batch, _lab.Ifindex));

    /// <summary>What the program decides for one frame that goes nowhere.</summary>
    internal uint Verdict() => BpfProgRun.Run(_object.Programs["feed"], Frame()).Verdict;

    /// <summary>IPv4 packets that the stack of the inner namespace has received.</summary>
    internal static ulong ReceivedByStack(VethLab lab) => lab.Inner.Run(() =>
    {
        string[] lines = File.ReadAllLines("/proc/thread-self/net/snmp");
        int column = Array.IndexOf(lines[0].Split(' '), "InReceives");
        return ulong.Parse(lines[1].Split(' ')[column], CultureInfo.InvariantCulture);
    });

    /// <summary>A datagram from 10.99.0.2 to the discard port of 10.99.0.1.</summary>
    internal static byte[] Frame()
    {
        byte[] frame = new byte[FrameBytes];
        byte[] head =
        [
            2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2, 8, 0, // Ethernet
            0x45, 0, 0, FrameBytes - 14, 0, 0, 0, 0, 64, 17, 0, 0, 10, 99, 0, 2, 10, 99, 0, 1,
            0, 7, 0, 9, 0, FrameBytes - 34, 0, 0, // UDP without a checksum
        ];
        head.CopyTo(frame, 0);
        uint sum = 0;
        for (int i = 14; i < 34; i += 2)
        {
            sum += (uint)((frame[i] << 8) | frame[i + 1]);
        }

        sum = ~((sum & 0xffff) + (sum >> 16)) & 0xffff;
        frame[24] = (byte)(sum >> 8);
        frame[25] = (byte)sum;
        return frame;
    }

    public void Dispose() => _object.Dispose();

    private readonly record struct Settings(uint Cpu, uint Fallback);
}
