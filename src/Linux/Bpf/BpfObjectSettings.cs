using System.Runtime.InteropServices;

namespace Nf.Linux;

/// <summary>An opened object file that is not loaded yet: what can be changed before the kernel sees it.</summary>
/// <remarks>Valid only inside the callback of <see cref="BpfObject.Load"/>.</remarks>
public readonly unsafe ref struct BpfObjectSettings
{
    private readonly void* _object;

    internal BpfObjectSettings(void* bpfObject) => _object = bpfObject;

    /// <summary>Sets how many entries a map has.</summary>
    public void SetMaxEntries(string map, uint entries) => Result.CheckNegative(
        LibBpf.bpf_map__set_max_entries(FindMap(map), entries), $"bpf_map__set_max_entries({map}, {entries})");

    /// <summary>Uses an existing map in place of a new one; its type and sizes must agree.</summary>
    /// <param name="map">Name in the object.</param>
    /// <param name="existing">Stays the caller's.</param>
    public void ReuseMap(string map, BpfMap existing)
    {
        ArgumentNullException.ThrowIfNull(existing);
        Result.CheckNegative(
            LibBpf.bpf_map__reuse_fd(FindMap(map), existing.Descriptor), $"bpf_map__reuse_fd({map})");
    }

    /// <summary>Chooses whether a program is loaded at all.</summary>
    public void SetAutoload(string program, bool load) => Result.CheckNegative(
        LibBpf.bpf_program__set_autoload(FindProgram(program), load ? (byte)1 : (byte)0),
        $"bpf_program__set_autoload({program})");

    /// <summary>The programs of the object, in its order.</summary>
    public IReadOnlyList<BpfProgramDeclaration> Programs()
    {
        // libbpf sets the flag for the section only when it loads the program.
        const string fragsSection = "xdp.frags";
        var programs = new List<BpfProgramDeclaration>();
        for (void* program = null; (program = LibBpf.bpf_object__next_program(_object, program)) != null;)
        {
            string section = BpfObject.Text(LibBpf.bpf_program__section_name(program));
            programs.Add(new BpfProgramDeclaration(
                BpfObject.Text(LibBpf.bpf_program__name(program)),
                section,
                LibBpf.bpf_program__type(program),
                LibBpf.bpf_program__expected_attach_type(program),
                section.StartsWith(fragsSection, StringComparison.Ordinal)
                || (LibBpf.bpf_program__flags(program) & LinuxBpf.BPF_F_XDP_HAS_FRAGS) != 0));
        }

        return programs;
    }

    /// <summary>The maps of the object, in its order.</summary>
    public IReadOnlyList<BpfMapDeclaration> Maps()
    {
        var maps = new List<BpfMapDeclaration>();
        for (void* map = null; (map = LibBpf.bpf_object__next_map(_object, map)) != null;)
        {
            maps.Add(new BpfMapDeclaration(
                BpfObject.Text(LibBpf.bpf_map__name(map)),
                LibBpf.bpf_map__type(map),
                LibBpf.bpf_map__key_size(map),
                LibBpf.bpf_map__value_size(map),
                LibBpf.bpf_map__max_entries(map)));
        }

        return maps;
    }

    /// <summary>Has no map shared through a bpf file system, whatever the object asks for.</summary>
    public void ForgetPins()
    {
        for (void* map = null; (map = LibBpf.bpf_object__next_map(_object, map)) != null;)
        {
            Result.CheckNegative(LibBpf.bpf_map__set_pin_path(map, null), "bpf_map__set_pin_path");
        }
    }

    /// <summary>
    /// Fills the object's constants (<c>const volatile</c> variables), which the verifier then knows.
    /// </summary>
    /// <param name="value">The whole .rodata section.</param>
    /// <typeparam name="T">The C struct it consists of.</typeparam>
    /// <exception cref="ArgumentException">The section has another size.</exception>
    public void SetReadOnlyData<T>(in T value)
        where T : unmanaged => SetData(".rodata", MemoryMarshal.AsBytes(new ReadOnlySpan<T>(in value)));

    /// <summary>Fills a section of variables: .rodata, .data or .bss.</summary>
    /// <param name="section">Its name, which ends the name of the map that holds it.</param>
    /// <param name="bytes">All of it.</param>
    public void SetData(string section, ReadOnlySpan<byte> bytes)
    {
        void* map = FindSection(section);
        nuint size = 0;

        // SAFETY: size is a local; the pointer that comes back is libbpf's, valid until the object is closed.
        void* data = LibBpf.bpf_map__initial_value(map, &size);
        if (data == null || size != (nuint)bytes.Length)
        {
            throw new ArgumentException($"section {section} has {size} bytes, not {bytes.Length}", nameof(bytes));
        }

        // SAFETY: size has just been compared with the length of what is copied.
        bytes.CopyTo(new Span<byte>(data, bytes.Length));
    }

    private void* FindSection(string section)
    {
        for (void* map = null; (map = LibBpf.bpf_object__next_map(_object, map)) != null;)
        {
            if (BpfObject.Text(LibBpf.bpf_map__name(map)).EndsWith(section, StringComparison.Ordinal))
            {
                return map;
            }
        }

        throw new ArgumentException($"object has no section {section}", nameof(section));
    }

    private void* FindMap(string name)
    {
        for (void* map = null; (map = LibBpf.bpf_object__next_map(_object, map)) != null;)
        {
            if (BpfObject.Text(LibBpf.bpf_map__name(map)) == name)
            {
                return map;
            }
        }

        throw new ArgumentException($"object has no map {name}", nameof(name));
    }

    private void* FindProgram(string name)
    {
        for (void* program = null; (program = LibBpf.bpf_object__next_program(_object, program)) != null;)
        {
            if (BpfObject.Text(LibBpf.bpf_program__name(program)) == name)
            {
                return program;
            }
        }

        throw new ArgumentException($"object has no program {name}", nameof(name));
    }
}
