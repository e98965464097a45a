namespace Nf.DataPlane.Cpumaps;

/// <summary>
/// Looks at a stranger's ELF file before libbpf does: pure, and only as far as needed to turn away what is no BPF
/// object, or points outside itself.
/// </summary>
internal static class UploadedElf
{
    /// <summary>Largest file in bytes; as the public API says.</summary>
    internal const int FileBytesMax = 1 << 20;

    /// <summary>Most sections. Arbitrary; clang writes some twenty.</summary>
    internal const int SectionCountMax = 1024;

    /// <summary>Most bytes of a section that is not in the file, which libbpf allocates. Arbitrary.</summary>
    internal const ulong ZeroBytesMax = 16 << 20;

    // elf.h: sizes and offsets of Elf64_Ehdr and Elf64_Shdr.
    private const int HeaderBytes = 64;
    private const int SectionBytes = 64;
    private const ushort ET_REL = 1;
    private const ushort EM_BPF = 247;
    private const uint SHT_STRTAB = 3;
    private const uint SHT_NOBITS = 8;

    private static ReadOnlySpan<byte> Identification => [0x7f, (byte)'E', (byte)'L', (byte)'F', 2 /* 64 bits */];

    /// <returns>What is wrong; null when nothing is.</returns>
    internal static string? Check(ReadOnlySpan<byte> file)
    {
        if (file.Length is < HeaderBytes or > FileBytesMax)
        {
            return $"{file.Length} bytes: {HeaderBytes} to {FileBytesMax}";
        }

        if (!file.StartsWith(Identification))
        {
            return "no ELF file of 64 bits";
        }

        byte order = BitConverter.IsLittleEndian ? (byte)1 : (byte)2;
        if (file[5] != order || file[6] != 1)
        {
            return $"byte order {file[5]} and version {file[6]}, expected {order} and 1";
        }

        ushort type = U16(file, 16);
        ushort machine = U16(file, 18);
        return type == ET_REL && machine == EM_BPF
            ? CheckSections(file)
            : $"type {type} for machine {machine}, expected a relocatable object ({ET_REL}) for BPF ({EM_BPF})";
    }

    private static string? CheckSections(ReadOnlySpan<byte> file)
    {
        ulong offset = U64(file, 40);
        ushort entryBytes = U16(file, 58);
        ushort count = U16(file, 60);
        ushort names = U16(file, 62);
        if (entryBytes != SectionBytes || count is 0 or > SectionCountMax || names >= count)
        {
            return $"{count} sections of {entryBytes} bytes, names in {names}";
        }

        if (!IsInside(file, offset, (ulong)count * SectionBytes))
        {
            return $"the table of {count} sections at {offset} is not in the file";
        }

        for (int i = 0; i < count; i++)
        {
            ReadOnlySpan<byte> section = file.Slice((int)offset + (i * SectionBytes), SectionBytes);
            if (CheckSection(file, section, count) is { } fault)
            {
                return $"section {i}: {fault}";
            }
        }

        return null;
    }

    private static string? CheckSection(ReadOnlySpan<byte> file, ReadOnlySpan<byte> section, ushort count)
    {
        uint type = U32(section, 4);
        ulong offset = U64(section, 24);
        ulong size = U64(section, 32);
        uint link = U32(section, 40);
        if (type == SHT_NOBITS)
        {
            return size <= ZeroBytesMax ? null : $"{size} bytes of zeroes, at most {ZeroBytesMax}";
        }

        if (!IsInside(file, offset, size))
        {
            return $"{size} bytes at {offset} are not in the file";
        }

        if (link >= count)
        {
            return $"it refers to section {link} of {count}";
        }

        return type == SHT_STRTAB && (size == 0 || file[(int)(offset + size - 1)] != 0)
            ? "its strings do not end"
            : null;
    }

    private static bool IsInside(ReadOnlySpan<byte> file, ulong offset, ulong size) =>
        offset <= (ulong)file.Length && size <= (ulong)file.Length - offset;

    private static ushort U16(ReadOnlySpan<byte> bytes, int offset) => BitConverter.ToUInt16(bytes[offset..]);

    private static uint U32(ReadOnlySpan<byte> bytes, int offset) => BitConverter.ToUInt32(bytes[offset..]);

    private static ulong U64(ReadOnlySpan<byte> bytes, int offset) => BitConverter.ToUInt64(bytes[offset..]);
}
