using System.Text;

namespace Nf.Linux;

/// <summary>
/// A pcap filter expression for Ethernet frames, compiled by libpcap to classic BPF. As with tcpdump, "tcp" and its
/// kind mean frames without a VLAN tag unless the expression says "vlan" first.
/// </summary>
public sealed unsafe class PcapFilter
{
    /// <summary>Longest expression in characters. Arbitrary.</summary>
    public const int ExpressionCharsMax = 4096;

    /// <summary>Most instructions of a filter: the kernel's limit for classic BPF (BPF_MAXINSNS).</summary>
    public const int InstructionsMax = 4096;

    // Bytes of a packet that a filter may return; any number above zero is a match.
    private const int SnapLength = 262144;

    private readonly ClassicInstruction[] _code;

    private PcapFilter(string expression, ClassicInstruction[] code)
    {
        Expression = expression;
        _code = code;
    }

    /// <summary>As it was written.</summary>
    public string Expression { get; }

    /// <summary>What it was compiled to: jumps go forward only, and every path ends in a return.</summary>
    public ReadOnlySpan<ClassicInstruction> Code => _code;

    /// <summary>Compiles an expression.</summary>
    /// <remarks>A host name in it is looked up, which may take as long as the resolver waits.</remarks>
    /// <exception cref="FormatException">It is not one; the message is libpcap's.</exception>
    public static PcapFilter Compile(string expression)
    {
        ArgumentNullException.ThrowIfNull(expression);
        if (expression.Length > ExpressionCharsMax || expression.Contains('\0', StringComparison.Ordinal))
        {
            throw new FormatException($"a filter has at most {ExpressionCharsMax} characters, none of them zero");
        }

        void* handle = LibPcap.pcap_open_dead(LibPcap.DLT_EN10MB, SnapLength);
        if (handle == null)
        {
            throw new InvalidOperationException("pcap_open_dead: no memory");
        }

        try
        {
            return new PcapFilter(expression, Compile(handle, expression));
        }
        finally
        {
            // SAFETY: opened above, and nothing refers to it any more.
            LibPcap.pcap_close(handle);
        }
    }

    /// <summary>Runs the filter by libpcap's interpreter: what everything compiled from it must agree with.</summary>
    public bool Matches(ReadOnlySpan<byte> packet)
    {
        // SAFETY: both are pinned for the call; libpcap's checked compiler made the code, and its interpreter reads no
        // byte beyond the length it is told.
        fixed (ClassicInstruction* code = _code)
        fixed (byte* bytes = packet)
        {
            return LibPcap.bpf_filter(code, bytes, (uint)packet.Length, (uint)packet.Length) != 0;
        }
    }

    private static ClassicInstruction[] Compile(void* handle, string expression)
    {
        PcapProgram program = default;

        // SAFETY: the text is pinned for the call and ends in a zero byte; program is a local.
        fixed (byte* text = Encoding.UTF8.GetBytes(expression + '\0'))
        {
            if (LibPcap.pcap_compile(handle, &program, text, 1, LibPcap.PCAP_NETMASK_UNKNOWN) != 0)
            {
                throw new FormatException(BpfObject.Text(LibPcap.pcap_geterr(handle)));
            }
        }

        try
        {
            if (program.InstructionCount is 0 or > InstructionsMax)
            {
                throw new FormatException(
                    $"the filter has {program.InstructionCount} instructions, at most {InstructionsMax}");
            }

            // SAFETY: libpcap's array of that many instructions, copied before it is freed.
            return new ReadOnlySpan<ClassicInstruction>(program.Instructions, (int)program.InstructionCount).ToArray();
        }
        finally
        {
            // SAFETY: filled by pcap_compile above, freed once.
            LibPcap.pcap_freecode(&program);
        }
    }
}
