using System.Text;

namespace Nf.Linux;

/// <summary>The attachment of a program; it ends with the last descriptor or pin of the link.</summary>
public sealed unsafe class BpfLink : IDisposable
{
    /// <summary>Takes over a descriptor.</summary>
    /// <exception cref="ArgumentException">It is not of a link; the descriptor stays the caller's.</exception>
    public BpfLink(FileDescriptor descriptor) =>

        // The first is what BPF_LINK_CREATE makes, the second what opening a pin or an id makes.
        Descriptor = BpfCall.CheckKind(descriptor, "anon_inode:bpf_link", "anon_inode:bpf-link");

    /// <summary>For sending to another process.</summary>
    public FileDescriptor Descriptor { get; }

    /// <summary>The kernel's number, unique while the link lives.</summary>
    public uint Id => BpfCall.GetInfo<bpf_link_info>(Descriptor).id;

    /// <summary>The program it runs now.</summary>
    public uint ProgramId => BpfCall.GetInfo<bpf_link_info>(Descriptor).prog_id;

    /// <summary>
    /// The interface it is attached to; 0 once the device is gone or the link detached; null for other kinds of links.
    /// </summary>
    public int? XdpIfindex
    {
        get
        {
            bpf_link_info info = BpfCall.GetInfo<bpf_link_info>(Descriptor);
            return info.type == LinuxBpf.BPF_LINK_TYPE_XDP ? (int)info.xdp_ifindex : null;
        }
    }

    /// <summary>Attaches an XDP program to an interface of the calling thread's network namespace.</summary>
    /// <exception cref="LinuxException">
    /// EBUSY when a program is attached in that mode, EEXIST when one is in the other mode, EINVAL for an unknown
    /// interface,
    /// EOPNOTSUPP when the driver has no native XDP, other words of the driver (veth: ENOTCONN, ERANGE, ENOSPC).
    /// </exception>
    public static BpfLink AttachXdp(BpfProgram program, int ifindex, XdpMode mode)
    {
        ArgumentNullException.ThrowIfNull(program);
        var attributes = new bpf_attr_link_create
        {
            prog_fd = (uint)program.Descriptor.Number,
            target_ifindex = (uint)ifindex,
            attach_type = LinuxBpf.BPF_XDP,
            flags = mode.ToFlags(),
        };
        int number = BpfCall.Run(
            LinuxBpf.BPF_LINK_CREATE, ref attributes, $"bpf(BPF_LINK_CREATE, XDP {mode}, ifindex {ifindex})");
        GC.KeepAlive(program);
        return new BpfLink(new FileDescriptor(number));
    }

    /// <summary>Attaches to a raw tracepoint, or a tp_btf program to its own.</summary>
    /// <param name="program">A tracing program.</param>
    /// <param name="name">The tracepoint; null for a tp_btf program.</param>
    public static BpfLink AttachRawTracepoint(BpfProgram program, string? name)
    {
        ArgumentNullException.ThrowIfNull(program);

        // SAFETY: the name is pinned for the call and ends in a zero byte; a null array gives a null pointer.
        fixed (byte* pointer = name is null ? null : Encoding.UTF8.GetBytes(name + '\0'))
        {
            var attributes = new bpf_attr_raw_tracepoint
            {
                name = pointer,
                prog_fd = (uint)program.Descriptor.Number,
            };
            int number = BpfCall.Run(
                LinuxBpf.BPF_RAW_TRACEPOINT_OPEN, ref attributes, $"bpf(BPF_RAW_TRACEPOINT_OPEN, {program.Name})");
            GC.KeepAlive(program);
            return new BpfLink(new FileDescriptor(number));
        }
    }

    /// <summary>Opens a pinned link.</summary>
    public static BpfLink OpenPinned(string path) => new(BpfCall.OpenPinned(path));

    /// <summary>Replaces the program without a gap.</summary>
    /// <param name="program">The new one, of the same type.</param>
    /// <param name="expected">The one that must be running, or null for any.</param>
    /// <exception cref="LinuxException">EPERM when another runs, ENOLINK when the device is gone.</exception>
    public void Update(BpfProgram program, BpfProgram? expected = null)
    {
        ArgumentNullException.ThrowIfNull(program);
        var attributes = new bpf_attr_link_update
        {
            link_fd = (uint)Descriptor.Number,
            new_prog_fd = (uint)program.Descriptor.Number,
            flags = expected is null ? 0 : LinuxBpf.BPF_F_REPLACE,
            old_prog_fd = expected is null ? 0 : (uint)expected.Descriptor.Number,
        };
        BpfCall.Run(LinuxBpf.BPF_LINK_UPDATE, ref attributes, $"bpf(BPF_LINK_UPDATE, {program.Name})");
        GC.KeepAlive(this);
        GC.KeepAlive(program);
        GC.KeepAlive(expected);
    }

    /// <summary>Ends the attachment while descriptors of the link remain.</summary>
    public void Detach()
    {
        var attributes = new bpf_attr_link_detach { link_fd = (uint)Descriptor.Number };
        BpfCall.Run(LinuxBpf.BPF_LINK_DETACH, ref attributes, "bpf(BPF_LINK_DETACH)");
        GC.KeepAlive(this);
    }

    /// <summary>Pins the link under a path of a bpf file system.</summary>
    public void Pin(string path) => BpfCall.Pin(Descriptor, path);

    /// <inheritdoc/>
    public void Dispose() => Descriptor.Dispose();
}
