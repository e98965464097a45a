using System.Runtime.InteropServices;

namespace Nf.Linux;

/// <summary>Declarations of libpcap: its compiler for filter expressions. Nothing is captured with it.</summary>
internal static unsafe partial class LibPcap
{
    internal const int DLT_EN10MB = 1;
    internal const uint PCAP_NETMASK_UNKNOWN = 0xffffffff;

    private const string Library = "libpcap.so.0.8";

    [LibraryImport(Library)]
    internal static partial void* pcap_open_dead(int linktype, int snaplen);

    [LibraryImport(Library)]
    internal static partial void pcap_close(void* handle);

    [LibraryImport(Library)]
    internal static partial int pcap_compile(
        void* handle, PcapProgram* program, byte* expression, int optimize, uint netmask);

    [LibraryImport(Library)]
    internal static partial void pcap_freecode(PcapProgram* program);

    [LibraryImport(Library)]
    internal static partial byte* pcap_geterr(void* handle);

    [LibraryImport(Library)]
    internal static partial uint bpf_filter(void* instructions, byte* packet, uint wireLength, uint bufferLength);
}

/// <summary>What libpcap's compiler gives: struct bpf_program of pcap/bpf.h.</summary>
[StructLayout(LayoutKind.Sequential)]
internal unsafe struct PcapProgram
{
    internal uint InstructionCount;
    internal ClassicInstruction* Instructions;
}
