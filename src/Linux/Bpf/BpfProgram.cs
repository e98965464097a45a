namespace Nf.Linux;

/// <summary>A loaded BPF program: from an object, from another process, or from a pin.</summary>
public sealed unsafe partial class BpfProgram : IDisposable
{
    private const uint InstructionBytes = 8;

    /// <summary>Takes over a descriptor.</summary>
    /// <exception cref="ArgumentException">It is not of a program; the descriptor stays the caller's.</exception>
    public BpfProgram(FileDescriptor descriptor)
    {
        Descriptor = BpfCall.CheckKind(descriptor, "anon_inode:bpf-prog");
        bpf_prog_info info = BpfCall.GetInfo<bpf_prog_info>(descriptor);
        Type = info.type;
        Id = info.id;
        Name = BpfCall.Name(info.name);
        InstructionCount = info.xlated_prog_len / InstructionBytes;
    }

    /// <summary>For sending to another process.</summary>
    public FileDescriptor Descriptor { get; }

    /// <summary>The kernel's number, unique while the program lives.</summary>
    public uint Id { get; }

    /// <summary>As in the source, cut off at 15 bytes.</summary>
    public string Name { get; }

    /// <summary>BPF_PROG_TYPE_… of <see cref="LinuxBpf"/>.</summary>
    public uint Type { get; }

    /// <summary>Instructions after the kernel's translation.</summary>
    public uint InstructionCount { get; }

    /// <summary>Opens a pinned program.</summary>
    public static BpfProgram OpenPinned(string path) => new(BpfCall.OpenPinned(path));

    /// <summary>Pins the program under a path of a bpf file system.</summary>
    public void Pin(string path) => BpfCall.Pin(Descriptor, path);

    /// <inheritdoc/>
    public void Dispose() => Descriptor.Dispose();
}
