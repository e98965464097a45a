using System.Runtime.InteropServices;
using System.Text;

namespace Nf.Linux;

/// <summary>A BPF map: from an object, from another process, or from a pin.</summary>
public sealed unsafe partial class BpfMap : IDisposable
{
    /// <summary>Takes over a descriptor.</summary>
    /// <exception cref="ArgumentException">It is not of a map; the descriptor stays the caller's.</exception>
    public BpfMap(FileDescriptor descriptor)
    {
        Descriptor = BpfCall.CheckKind(descriptor, "anon_inode:bpf-map");
        bpf_map_info info = BpfCall.GetInfo<bpf_map_info>(descriptor);
        Type = info.type;
        Id = info.id;
        KeySizeBytes = (int)info.key_size;
        ValueSizeBytes = (int)info.value_size;
        MaxEntries = info.max_entries;
        Name = BpfCall.Name(info.name);
    }

    /// <summary>For sending to another process, and for mapping BPF_F_MMAPABLE arrays.</summary>
    public FileDescriptor Descriptor { get; }

    /// <summary>BPF_MAP_TYPE_… of <see cref="LinuxBpf"/>.</summary>
    public uint Type { get; }

    /// <summary>The kernel's number, unique while the map lives.</summary>
    public uint Id { get; }

    /// <summary>As in the source, cut off at 15 bytes.</summary>
    public string Name { get; }

    /// <summary>Size of a key in bytes.</summary>
    public int KeySizeBytes { get; }

    /// <summary>Size of a value in bytes, of one CPU where there is one per CPU.</summary>
    public int ValueSizeBytes { get; }

    /// <summary>How many entries fit.</summary>
    public uint MaxEntries { get; }

    /// <summary>
    /// Bytes that lookup and update exchange: one value, or one per possible CPU, each rounded up to 8 bytes.
    /// </summary>
    public int BufferSizeBytes => IsPerCpu
        ? (ValueSizeBytes + 7) / 8 * 8 * PossibleCpuCount
        : ValueSizeBytes;

    /// <summary>CPUs the kernel could ever run on; the number of values of a per-CPU entry.</summary>
    public static int PossibleCpuCount { get; } =
        Result.CheckNegative(LibBpf.libbpf_num_possible_cpus(), "libbpf_num_possible_cpus");

    private bool IsPerCpu => Type is LinuxBpf.BPF_MAP_TYPE_PERCPU_HASH
        or LinuxBpf.BPF_MAP_TYPE_PERCPU_ARRAY or LinuxBpf.BPF_MAP_TYPE_LRU_PERCPU_HASH;

    /// <summary>Creates a map on its own.</summary>
    /// <param name="type">BPF_MAP_TYPE_… of <see cref="LinuxBpf"/>.</param>
    /// <param name="name">Cut off at 15 bytes.</param>
    /// <param name="keySizeBytes">Bytes of a key.</param>
    /// <param name="valueSizeBytes">Bytes of a value.</param>
    /// <param name="maxEntries">How many entries fit.</param>
    /// <param name="flags">BPF_F_… of <see cref="LinuxBpf"/>.</param>
    /// <param name="numaNode">Node of its memory; null for any.</param>
    /// <exception cref="LinuxException">
    /// EPERM without CAP_BPF (and CAP_NET_ADMIN for XSKMAP), EINVAL, E2BIG.
    /// </exception>
    public static BpfMap Create(
        uint type, string name, int keySizeBytes, int valueSizeBytes, uint maxEntries, uint flags = 0,
        uint? numaNode = null)
    {
        ArgumentException.ThrowIfNullOrEmpty(name);
        var attributes = new bpf_attr_map_create
        {
            map_type = type,
            key_size = (uint)keySizeBytes,
            value_size = (uint)valueSizeBytes,
            max_entries = maxEntries,
            map_flags = numaNode is null ? flags : flags | LinuxBpf.BPF_F_NUMA_NODE,
            numa_node = numaNode ?? 0,
        };

        // SAFETY: the copy is cut to one byte less than the field, so a zero byte remains behind it.
        var nameField = new Span<byte>(attributes.map_name, LinuxBpf.BPF_OBJ_NAME_LEN);
        string shortened = name[..Math.Min(name.Length, LinuxBpf.BPF_OBJ_NAME_LEN - 1)];
        Encoding.ASCII.GetBytes(shortened, nameField);
        return new BpfMap(new FileDescriptor(
            BpfCall.Run(LinuxBpf.BPF_MAP_CREATE, ref attributes, $"bpf(BPF_MAP_CREATE, {name})")));
    }

    /// <summary>Opens a pinned map.</summary>
    public static BpfMap OpenPinned(string path) => new(BpfCall.OpenPinned(path));

    /// <summary>Sets an entry.</summary>
    /// <param name="key">Exactly <see cref="KeySizeBytes"/>.</param>
    /// <param name="value">Exactly <see cref="BufferSizeBytes"/>.</param>
    /// <param name="flags">BPF_ANY, BPF_NOEXIST or BPF_EXIST of <see cref="LinuxBpf"/>.</param>
    public void Update(ReadOnlySpan<byte> key, ReadOnlySpan<byte> value, ulong flags = LinuxBpf.BPF_ANY)
    {
        CheckSizes(key.Length, value.Length);

        // SAFETY: both spans are pinned and have exactly the sizes the kernel will read, as just checked.
        fixed (byte* keyPointer = key, valuePointer = value)
        {
            var attributes = new bpf_attr_elem
            {
                map_fd = (uint)Descriptor.Number,
                key = keyPointer,
                value = valuePointer,
                flags = flags,
            };
            BpfCall.Run(LinuxBpf.BPF_MAP_UPDATE_ELEM, ref attributes, $"bpf(BPF_MAP_UPDATE_ELEM, {Name})");
            GC.KeepAlive(this);
        }
    }

    /// <inheritdoc cref="Update(ReadOnlySpan{byte}, ReadOnlySpan{byte}, ulong)"/>
    /// <typeparam name="TKey">A C struct of the key's size.</typeparam>
    /// <typeparam name="TValue">A C struct of the value's size.</typeparam>
    public void Update<TKey, TValue>(in TKey key, in TValue value, ulong flags = LinuxBpf.BPF_ANY)
        where TKey : unmanaged
        where TValue : unmanaged => Update(BytesOf(in key), BytesOf(in value), flags);

    /// <summary>Puts a socket into an XSKMAP, or a program into a map of programs.</summary>
    /// <param name="key">The slot.</param>
    /// <param name="value">Stays the caller's; a socket leaves the map by itself when it is closed.</param>
    /// <param name="flags">BPF_ANY, BPF_NOEXIST or BPF_EXIST of <see cref="LinuxBpf"/>.</param>
    public void Update(uint key, FileDescriptor value, ulong flags = LinuxBpf.BPF_ANY)
    {
        ArgumentNullException.ThrowIfNull(value);
        Update(key, value.Number, flags);
        GC.KeepAlive(value);
    }

    /// <summary>Reads an entry.</summary>
    /// <param name="key">Exactly <see cref="KeySizeBytes"/>.</param>
    /// <param name="value">Receives exactly <see cref="BufferSizeBytes"/>.</param>
    /// <returns>False when there is no such entry.</returns>
    public bool TryLookup(ReadOnlySpan<byte> key, Span<byte> value)
    {
        CheckSizes(key.Length, value.Length);

        // SAFETY: both spans are pinned and have exactly the sizes the kernel will use, as just checked.
        fixed (byte* keyPointer = key, valuePointer = value)
        {
            var attributes = new bpf_attr_elem
            {
                map_fd = (uint)Descriptor.Number,
                key = keyPointer,
                value = valuePointer,
            };
            return Found(BpfCall.Try(LinuxBpf.BPF_MAP_LOOKUP_ELEM, ref attributes), "BPF_MAP_LOOKUP_ELEM");
        }
    }

    /// <inheritdoc cref="TryLookup(ReadOnlySpan{byte}, Span{byte})"/>
    public bool TryLookup<TKey, TValue>(in TKey key, out TValue value)
        where TKey : unmanaged
        where TValue : unmanaged
    {
        value = default;
        return TryLookup(BytesOf(in key), MemoryMarshal.AsBytes(new Span<TValue>(ref value)));
    }

    /// <summary>Removes an entry; false when there is none (maps that are arrays may say true all the same).</summary>
    public bool Delete<TKey>(in TKey key)
        where TKey : unmanaged
    {
        CheckSizes(sizeof(TKey), BufferSizeBytes);

        // SAFETY: the key is pinned and has exactly the size the kernel will read, as just checked.
        fixed (TKey* pointer = &key)
        {
            var attributes = new bpf_attr_elem { map_fd = (uint)Descriptor.Number, key = pointer };
            return Found(BpfCall.Try(LinuxBpf.BPF_MAP_DELETE_ELEM, ref attributes), "BPF_MAP_DELETE_ELEM");
        }
    }

    /// <summary>
    /// The key after <paramref name="key"/>, or the first one for null. Entries may change meanwhile.
    /// </summary>
    /// <returns>Null after the last.</returns>
    public TKey? NextKey<TKey>(TKey? key)
        where TKey : unmanaged
    {
        CheckSizes(sizeof(TKey), BufferSizeBytes);
        TKey current = key ?? default;
        TKey next = default;

        // SAFETY: both keys are locals of exactly the size the kernel uses, as just checked.
        var attributes = new bpf_attr_elem
        {
            map_fd = (uint)Descriptor.Number,
            key = key is null ? null : &current,
            value = &next,
        };
        return Found(BpfCall.Try(LinuxBpf.BPF_MAP_GET_NEXT_KEY, ref attributes), "BPF_MAP_GET_NEXT_KEY")
            ? next
            : null;
    }

    /// <summary>Pins the map under a path of a bpf file system.</summary>
    public void Pin(string path) => BpfCall.Pin(Descriptor, path);

    /// <inheritdoc/>
    public void Dispose() => Descriptor.Dispose();

    private static ReadOnlySpan<byte> BytesOf<T>(in T value)
        where T : unmanaged => MemoryMarshal.AsBytes(new ReadOnlySpan<T>(in value));

    private bool Found(int result, string command)
    {
        GC.KeepAlive(this);
        if (result < 0 && Result.LastErrno == Errno.ENOENT)
        {
            return false;
        }

        Result.Check(result, $"bpf({command}, {Name})");
        return true;
    }

    private void CheckSizes(int keyBytes, int valueBytes)
    {
        if (keyBytes != KeySizeBytes || valueBytes != BufferSizeBytes)
        {
            throw new ArgumentException(
                $"map {Name} takes keys of {KeySizeBytes} and values of {BufferSizeBytes} bytes, " +
                $"not {keyBytes} and {valueBytes}");
        }
    }
}
