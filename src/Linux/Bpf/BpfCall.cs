using System.Text;

namespace Nf.Linux;

/// <summary>bpf(2) itself. The attributes' descriptors are kept alive by the callers.</summary>
internal static unsafe class BpfCall
{
    /// <summary>Runs a command and returns its result, or -1 with errno set.</summary>
    internal static int Try<T>(int command, ref T attributes)
        where T : unmanaged
    {
        // SAFETY: attributes is pinned for the call, and the kernel reads and writes no more than its size.
        fixed (T* pointer = &attributes)
        {
            return (int)Libc.syscall_bpf(Libc.SYS_bpf, command, pointer, (nuint)sizeof(T));
        }
    }

    /// <summary>Runs a command; a failure carries the name.</summary>
    internal static int Run<T>(int command, ref T attributes, string call)
        where T : unmanaged => Result.Check(Try(command, ref attributes), call);

    /// <summary>What the kernel says about a program, map or link.</summary>
    internal static T GetInfo<T>(FileDescriptor descriptor)
        where T : unmanaged
    {
        T info = default;

        // SAFETY: info is a local that does not move, and info_len is its size.
        var attributes = new bpf_attr_info
        {
            bpf_fd = (uint)descriptor.Number,
            info_len = (uint)sizeof(T),
            info = &info,
        };
        Run(LinuxBpf.BPF_OBJ_GET_INFO_BY_FD, ref attributes, "bpf(BPF_OBJ_GET_INFO_BY_FD)");
        GC.KeepAlive(descriptor);
        return info;
    }

    /// <summary>Throws unless the descriptor is of a kind the kernel names so in /proc.</summary>
    internal static FileDescriptor CheckKind(FileDescriptor descriptor, params ReadOnlySpan<string> kinds)
    {
        ArgumentNullException.ThrowIfNull(descriptor);
        string target = descriptor.Target;
        return kinds.Contains(target)
            ? descriptor
            : throw new ArgumentException($"descriptor is {target}, expected {kinds[0]}", nameof(descriptor));
    }

    /// <summary>Gives a program, map or link a path in a bpf file system, so that it outlives this process.</summary>
    internal static void Pin(FileDescriptor descriptor, string path)
    {
        // SAFETY: the path is pinned for the call and ends in a zero byte.
        fixed (byte* pointer = Encoding.UTF8.GetBytes(path + '\0'))
        {
            var attributes = new bpf_attr_obj { pathname = pointer, bpf_fd = (uint)descriptor.Number };
            Run(LinuxBpf.BPF_OBJ_PIN, ref attributes, $"bpf(BPF_OBJ_PIN, {path})");
            GC.KeepAlive(descriptor);
        }
    }

    /// <summary>Opens what was pinned.</summary>
    internal static FileDescriptor OpenPinned(string path)
    {
        // SAFETY: the path is pinned for the call and ends in a zero byte.
        fixed (byte* pointer = Encoding.UTF8.GetBytes(path + '\0'))
        {
            var attributes = new bpf_attr_obj { pathname = pointer };
            return new FileDescriptor(Run(LinuxBpf.BPF_OBJ_GET, ref attributes, $"bpf(BPF_OBJ_GET, {path})"));
        }
    }

    /// <summary>A kernel name: up to its zero byte.</summary>
    internal static string Name(byte* name)
    {
        var bytes = new ReadOnlySpan<byte>(name, LinuxBpf.BPF_OBJ_NAME_LEN);
        int end = bytes.IndexOf((byte)0);
        return Encoding.ASCII.GetString(end < 0 ? bytes : bytes[..end]);
    }
}
