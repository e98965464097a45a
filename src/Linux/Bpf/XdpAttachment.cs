namespace Nf.Linux;

/// <summary>
/// Attachment by netlink, which outlives the process: for kernels before 5.9, and to find what others left behind.
/// <see cref="BpfLink.AttachXdp"/> is the better way.
/// </summary>
/// <remarks>Everything acts in the network namespace of the calling thread.</remarks>
public static unsafe class XdpAttachment
{
    /// <summary>Attaches, but never over another program.</summary>
    /// <exception cref="LinuxException">EBUSY when one is attached, EEXIST when one is in the other mode.</exception>
    public static void Attach(BpfProgram program, int ifindex, XdpMode mode)
    {
        ArgumentNullException.ThrowIfNull(program);
        LibBpfMessages.Install();
        Result.CheckNegative(
            LibBpf.bpf_xdp_attach(
                ifindex, program.Descriptor, mode.ToFlags() | LinuxBpf.XDP_FLAGS_UPDATE_IF_NOEXIST, null),
            $"bpf_xdp_attach(ifindex {ifindex}, {mode})");
    }

    /// <summary>Replaces a program that must be the attached one.</summary>
    /// <exception cref="LinuxException">EEXIST when another is attached.</exception>
    public static void Replace(BpfProgram program, BpfProgram expected, int ifindex, XdpMode mode)
    {
        ArgumentNullException.ThrowIfNull(program);
        ArgumentNullException.ThrowIfNull(expected);
        LibBpfMessages.Install();
        bpf_xdp_attach_opts options = Expecting(expected);

        // SAFETY: options is a local of the size it says; expected is kept open until the call is over.
        int result = LibBpf.bpf_xdp_attach(ifindex, program.Descriptor, mode.ToFlags(), &options);
        GC.KeepAlive(expected);
        Result.CheckNegative(result, $"bpf_xdp_attach(replace, ifindex {ifindex}, {mode})");
    }

    /// <summary>Detaches a program that must be the attached one.</summary>
    /// <exception cref="LinuxException">EEXIST when another is attached, EBUSY when a link is.</exception>
    public static void Detach(BpfProgram expected, int ifindex, XdpMode mode)
    {
        ArgumentNullException.ThrowIfNull(expected);
        LibBpfMessages.Install();
        bpf_xdp_attach_opts options = Expecting(expected);

        // SAFETY: options is a local of the size it says; expected is kept open until the call is over.
        int result = LibBpf.bpf_xdp_detach(ifindex, mode.ToFlags(), &options);
        GC.KeepAlive(expected);
        Result.CheckNegative(result, $"bpf_xdp_detach(ifindex {ifindex}, {mode})");
    }

    /// <summary>The program attached to an interface, by netlink or by link; 0 when none is.</summary>
    public static uint QueryProgramId(int ifindex, XdpMode mode)
    {
        LibBpfMessages.Install();
        uint id = 0;

        // SAFETY: id is a local of the size libbpf writes.
        Result.CheckNegative(
            LibBpf.bpf_xdp_query_id(ifindex, (int)mode.ToFlags(), &id), $"bpf_xdp_query_id(ifindex {ifindex})");
        return id;
    }

    private static bpf_xdp_attach_opts Expecting(BpfProgram expected) => new()
    {
        sz = (nuint)sizeof(bpf_xdp_attach_opts),
        old_prog_fd = expected.Descriptor.Number,
    };
}
