using System.Runtime.InteropServices;
using System.Text;

namespace Nf.Linux;

/// <summary>Changes an object before it is loaded.</summary>
public delegate void ConfigureBpfObject(BpfObjectSettings settings);

/// <summary>The programs and maps of a loaded object file. Owns them all.</summary>
public sealed unsafe class BpfObject : IDisposable
{
    // Touched only as far as the verifier writes; the kernel refuses a program whose log does not fit (before 6.4).
    private const int VerifierLogBytes = 16 << 20;

    private readonly Dictionary<string, BpfProgram> _programs = [];
    private readonly Dictionary<string, BpfMap> _maps = [];

    private BpfObject()
    {
    }

    /// <summary>The loaded programs by their names in the source.</summary>
    public IReadOnlyDictionary<string, BpfProgram> Programs => _programs;

    /// <summary>The maps by their names in the source.</summary>
    public IReadOnlyDictionary<string, BpfMap> Maps => _maps;

    /// <summary>Loads an ELF object file as clang writes it.</summary>
    /// <param name="elf">Its bytes.</param>
    /// <param name="name">For messages.</param>
    /// <param name="configure">Called before the kernel sees anything; may be null.</param>
    /// <exception cref="BpfLoadException">The kernel or libbpf refused it; has the verifier's log.</exception>
    public static BpfObject Load(ReadOnlySpan<byte> elf, string name, ConfigureBpfObject? configure = null)
    {
        ArgumentException.ThrowIfNullOrEmpty(name);
        LibBpfMessages.Install();
        LibBpfMessages.Begin();
        byte* log = (byte*)NativeMemory.AllocZeroed(VerifierLogBytes);
        void* handle = null;
        try
        {
            handle = Open(elf, name, log);
            if (handle == null)
            {
                throw new BpfLoadException(name, Result.LastErrno, LibBpfMessages.End(), "");
            }

            configure?.Invoke(new BpfObjectSettings(handle));
            int result = LibBpf.bpf_object__load(handle);
            if (result < 0)
            {
                throw new BpfLoadException(name, (Errno)(-result), LibBpfMessages.End(), Text(log));
            }

            return Collect(handle);
        }
        finally
        {
            if (handle != null)
            {
                LibBpf.bpf_object__close(handle);
            }

            // SAFETY: the log came from NativeMemory above, and the object that pointed to it is closed.
            NativeMemory.Free(log);
            LibBpfMessages.End();
        }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        foreach (BpfProgram program in _programs.Values)
        {
            program.Dispose();
        }

        foreach (BpfMap map in _maps.Values)
        {
            map.Dispose();
        }
    }

    /// <summary>A C string of libbpf.</summary>
    internal static string Text(byte* text) => Marshal.PtrToStringUTF8((nint)text) ?? "";

    private static void* Open(ReadOnlySpan<byte> elf, string name, byte* log)
    {
        // SAFETY: libbpf reads the bytes and the name during the call only; the log outlives the object, which the
        // caller closes before freeing it.
        fixed (byte* bytes = elf, nameBytes = Encoding.UTF8.GetBytes(name + '\0'))
        {
            var options = new bpf_object_open_opts
            {
                sz = (nuint)sizeof(bpf_object_open_opts),
                object_name = nameBytes,
                kernel_log_buf = log,
                kernel_log_size = VerifierLogBytes,
            };
            return LibBpf.bpf_object__open_mem(bytes, (nuint)elf.Length, &options);
        }
    }

    // The object's descriptors die with it, so each program and map gets one of its own.
    private static BpfObject Collect(void* handle)
    {
        var loaded = new BpfObject();
        try
        {
            for (void* program = null; (program = LibBpf.bpf_object__next_program(handle, program)) != null;)
            {
                int number = LibBpf.bpf_program__fd(program);
                if (number >= 0)
                {
                    loaded._programs.Add(Text(LibBpf.bpf_program__name(program)), new BpfProgram(Duplicate(number)));
                }
            }

            for (void* map = null; (map = LibBpf.bpf_object__next_map(handle, map)) != null;)
            {
                int number = LibBpf.bpf_map__fd(map);
                if (number >= 0)
                {
                    loaded._maps.Add(Text(LibBpf.bpf_map__name(map)), new BpfMap(Duplicate(number)));
                }
            }

            return loaded;
        }
        catch
        {
            loaded.Dispose();
            throw;
        }
    }

    private static FileDescriptor Duplicate(int number) => new(Result.Check(
        Libc.fcntl_number(number, Libc.F_DUPFD_CLOEXEC, 3), "fcntl(F_DUPFD_CLOEXEC)"));
}
