using Nf.Linux;
using Nf.SharedMemory.Packets;

namespace Nf.SharedMemory.Tests.Packets;

public sealed class EnclosedPacketTests
{
    private const int Size = EnclosedPacket.PlainBytesMax + 1;
    private const MemFileSeals Sealed = MemFileSeals.Write | MemFileSeals.Shrink;

    [Theory]
    [InlineData(Size)]
    [InlineData(1_000_003)]
    [InlineData(EnclosedPacket.BytesMax)]
    public void Read_WhatWasWritten_IsTheSame(int size)
    {
        byte[] packet = new byte[size];
        new Random(size).NextBytes(packet);

        using FileDescriptor file = EnclosedPacket.Write(packet);

        Assert.Equal(packet, EnclosedPacket.Read(file, (ulong)size));
    }

    [Fact]
    public void Write_Done_LeavesAFileThatNobodyCanChange()
    {
        using FileDescriptor file = EnclosedPacket.Write(new byte[Size]);

        Assert.Equal(Errno.EPERM, Assert.Throws<LinuxException>(() => file.WriteAt([1], 0)).Errno);
        Assert.Equal(Errno.EPERM, Assert.Throws<LinuxException>(() => file.Truncate(1)).Errno);
        Assert.Equal(
            Errno.EPERM, Assert.Throws<LinuxException>(() => MemFile.AddSeals(file, MemFileSeals.FutureWrite)).Errno);
    }

    [Theory]
    [InlineData(0)]
    [InlineData(EnclosedPacket.PlainBytesMax)]
    [InlineData(EnclosedPacket.BytesMax + 1)]
    public void Write_OutOfBounds_IsRefused(int size) =>
        Assert.Throws<ArgumentOutOfRangeException>(() => EnclosedPacket.Write(new byte[size]));

    public static TheoryData<string, Func<FileDescriptor>, ulong> Lies { get; } = new()
    {
        { "no seals", () => Make(Size, MemFileSeals.None), Size },
        { "can shrink", () => Make(Size, MemFileSeals.Write), Size },
        { "can be written", () => Make(Size, MemFileSeals.Shrink | MemFileSeals.Grow), Size },
        { "only new writers are kept out", () => Make(Size, MemFileSeals.Shrink | MemFileSeals.FutureWrite), Size },
        { "shorter than told", () => Make(Size, Sealed), Size + 1 },
        { "longer than told", () => Make(Size + 1, Sealed), Size },
        { "empty", () => Make(Size, Sealed), 0 },
        { "as small as a plain packet", () => Make(Size - 1, Sealed), Size - 1 },
        { "too large", () => Make(EnclosedPacket.BytesMax + 1, Sealed), EnclosedPacket.BytesMax + 1 },
        { "absurdly large", () => Make(Size, Sealed), ulong.MaxValue },
        { "a file of a disk", () => FileDescriptor.OpenReadOnly("/proc/self/exe"), Size },
        { "a device", () => FileDescriptor.OpenReadOnly("/dev/zero"), Size },
        { "an event descriptor", () => EventFd.Create().Descriptor, Size },
    };

    [Theory]
    [MemberData(nameof(Lies))]
    public void Read_OfALie_IsRefused(string why, Func<FileDescriptor> make, ulong told)
    {
        using FileDescriptor file = make();

        InvalidDataException error = Assert.Throws<InvalidDataException>(() => EnclosedPacket.Read(file, told));

        Assert.True(
            error.Message.StartsWith("an enclosed packet", StringComparison.Ordinal), $"{why}: {error.Message}");
    }

    private static FileDescriptor Make(long size, MemFileSeals seals)
    {
        FileDescriptor file = MemFile.Create("test", size, new MemFileOptions());
        MemFile.AddSeals(file, seals);
        return file;
    }
}
