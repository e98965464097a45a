using Nf.Linux;

namespace Nf.SharedMemory.Packets;

/// <summary>
/// A packet of the command socket that is too large to be one: its bytes in a memfd, whose descriptor travels beside a
/// small packet that tells the size.
/// </summary>
public static class EnclosedPacket
{
    /// <summary>Bytes of a packet on the command socket; what is larger is enclosed.</summary>
    public const int PlainBytesMax = 65_536;

    /// <summary>Bytes of an enclosed packet. Arbitrary: twice the largest request of the public API.</summary>
    public const int BytesMax = 32 << 20;

    private const MemFileSeals Needed = MemFileSeals.Write | MemFileSeals.Shrink;

    /// <summary>Puts a packet into a file that nobody can change any more.</summary>
    /// <exception cref="LinuxException">No memory or no descriptor for it.</exception>
    public static FileDescriptor Write(ReadOnlySpan<byte> packet)
    {
        ArgumentOutOfRangeException.ThrowIfLessThanOrEqual(packet.Length, PlainBytesMax);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(packet.Length, BytesMax);
        FileDescriptor file = MemFile.Create("nf-packet", packet.Length, new MemFileOptions());
        try
        {
            for (int done = 0; done < packet.Length;)
            {
                done += file.WriteAt(packet[done..], done);
            }

            MemFile.AddSeals(file, Needed | MemFileSeals.Grow | MemFileSeals.Seal);
            return file;
        }
        catch
        {
            file.Dispose();
            throw;
        }
    }

    /// <summary>Reads a packet once, into memory of our own. The descriptor stays the caller's.</summary>
    /// <param name="file">What came beside the packet that told the size.</param>
    /// <param name="size">The size it told.</param>
    /// <remarks>
    /// Read, not mapped: a page that cannot be had is an error here and a SIGBUS there. Only memory files have seals,
    /// so a pipe, a device or a file of FUSE, which could keep us waiting, is refused before it is read.
    /// </remarks>
    /// <exception cref="InvalidDataException">The size is out of bounds or not the file's; no seals.</exception>
    public static byte[] Read(FileDescriptor file, ulong size)
    {
        ArgumentNullException.ThrowIfNull(file);
        if (size is <= PlainBytesMax or > BytesMax)
        {
            throw new InvalidDataException($"an enclosed packet of {size} bytes");
        }

        try
        {
            MemFileSeals seals = MemFile.GetSeals(file);
            if ((seals & Needed) != Needed)
            {
                throw new InvalidDataException($"an enclosed packet that is sealed with {seals} only");
            }

            if (file.Length != (long)size)
            {
                throw new InvalidDataException($"an enclosed packet of {file.Length} bytes, told as {size}");
            }

            byte[] packet = new byte[size];
            for (int done = 0; done < packet.Length;)
            {
                int read = file.ReadAt(packet.AsSpan(done), done);
                done += read > 0 ? read : throw new InvalidDataException("an enclosed packet that ends early");
            }

            return packet;
        }
        catch (LinuxException e)
        {
            throw new InvalidDataException($"an enclosed packet that cannot be read: {e.Message}", e);
        }
    }
}
