using System.Buffers.Binary;
using System.Runtime.InteropServices;
using System.Text;

namespace Nf.Linux;

/// <summary>
/// Takes the instructions of a section out of an object file of clang, as they are: for code that names no maps and no
/// functions, and so needs nothing of what libbpf does.
/// </summary>
public static class BpfElf
{
    // Elf64_Ehdr and Elf64_Shdr of elf.h.
    private const int SectionTableOffset = 40;
    private const int SectionEntrySizeOffset = 58;
    private const int SectionCountOffset = 60;
    private const int NameSectionOffset = 62;
    private const int SectionFileOffset = 24;
    private const int SectionSizeOffset = 32;

    /// <summary>The instructions of a section.</summary>
    /// <param name="elf">The object file; 64-bit, little-endian.</param>
    /// <param name="section">Its name, such as "xdp".</param>
    /// <exception cref="InvalidDataException">There is no such section, or it refers to maps or functions.</exception>
    public static BpfInstruction[] ReadSection(ReadOnlySpan<byte> elf, string section)
    {
        try
        {
            if (!TryFind(elf, ".rel" + section, out _) && TryFind(elf, section, out ReadOnlySpan<byte> bytes))
            {
                return MemoryMarshal.Cast<byte, BpfInstruction>(bytes).ToArray();
            }
        }
        catch (ArgumentOutOfRangeException cause)
        {
            throw new InvalidDataException("the object file is cut off", cause);
        }

        throw new InvalidDataException($"the object file has no section {section}, or one with relocations");
    }

    private static bool TryFind(ReadOnlySpan<byte> elf, string name, out ReadOnlySpan<byte> bytes)
    {
        int table = (int)BinaryPrimitives.ReadUInt64LittleEndian(elf[SectionTableOffset..]);
        int size = BinaryPrimitives.ReadUInt16LittleEndian(elf[SectionEntrySizeOffset..]);
        int count = BinaryPrimitives.ReadUInt16LittleEndian(elf[SectionCountOffset..]);
        int names = BinaryPrimitives.ReadUInt16LittleEndian(elf[NameSectionOffset..]);
        ReadOnlySpan<byte> nameBytes = Contents(elf, elf.Slice(table + (names * size), size));
        for (int i = 0; i < count; i++)
        {
            ReadOnlySpan<byte> header = elf.Slice(table + (i * size), size);
            ReadOnlySpan<byte> text = nameBytes[(int)BinaryPrimitives.ReadUInt32LittleEndian(header)..];
            if (Encoding.ASCII.GetString(text[..text.IndexOf((byte)0)]) == name)
            {
                bytes = Contents(elf, header);
                return true;
            }
        }

        bytes = default;
        return false;
    }

    private static ReadOnlySpan<byte> Contents(ReadOnlySpan<byte> elf, ReadOnlySpan<byte> header) => elf.Slice(
        (int)BinaryPrimitives.ReadUInt64LittleEndian(header[SectionFileOffset..]),
        (int)BinaryPrimitives.ReadUInt64LittleEndian(header[SectionSizeOffset..]));
}
