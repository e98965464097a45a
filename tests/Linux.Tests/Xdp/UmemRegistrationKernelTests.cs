using Nf.Linux.Tests.Support;
using static Nf.Linux.IfXdp;

namespace Nf.Linux.Tests.Xdp;

/// <summary>What the kernel accepts as packet memory, and in which words it refuses the rest.</summary>
[Trait("Tier", "kernel")]
public unsafe class UmemRegistrationKernelTests
{
    private const uint Unaligned = XDP_UMEM_UNALIGNED_CHUNK_FLAG;
    private const uint TxMetadata = XDP_UMEM_TX_METADATA_LEN;
    private const long MemoryBytes = 64 << 10;

    public static TheoryData<string, xdp_umem_reg, Errno> Registrations => new()
    {
        { "chunk 2048", Reg(), Errno.None },
        { "chunk 4096", Reg(chunk: 4096), Errno.None },
        { "chunk 1024", Reg(chunk: 1024), Errno.EINVAL },
        { "chunk 8192", Reg(chunk: 8192), Errno.EINVAL },
        { "chunk 3000 aligned", Reg(chunk: 3000, length: 30000), Errno.EINVAL },
        { "chunk 3000 unaligned", Reg(chunk: 3000, flags: Unaligned), Errno.None },
        { "chunk 2047 unaligned", Reg(chunk: 2047, flags: Unaligned), Errno.EINVAL },
        { "chunk 4097 unaligned", Reg(chunk: 4097, flags: Unaligned), Errno.EINVAL },
        { "address plus 1", Reg(offset: 1), Errno.EINVAL },
        { "length 0", Reg(length: 0), Errno.EINVAL },
        { "length not of whole chunks", Reg(length: 4097), Errno.EINVAL },
        { "length one chunk, half a page", Reg(length: 2048), Errno.None },
        { "length any, unaligned", Reg(length: 4097, flags: Unaligned), Errno.None },
        { "length wraps the address", Reg(length: ulong.MaxValue - 2047), Errno.EINVAL },
        { "2^43 bytes", Reg(length: 1ul << 43), Errno.EINVAL },
        { "headroom all of the chunk but 256", Reg(headroom: 2048 - 256), Errno.EINVAL },
        { "headroom within the rule of every kernel", Reg(headroom: 2048 - 704), Errno.None },
        { "flag 8", Reg(flags: 8), Errno.EINVAL },
        { "TX metadata 248", Reg(flags: TxMetadata, metadata: 248), Errno.None },
        { "TX metadata 256", Reg(flags: TxMetadata, metadata: 256), Errno.EINVAL },
        { "TX metadata 12", Reg(flags: TxMetadata, metadata: 12), Errno.EINVAL },
        { "TX metadata 12 without the flag", Reg(metadata: 12), Errno.None },
    };

    [KernelTheory]
    [MemberData(nameof(Registrations))]
    public void UmemReg_Parameters_AnsweredAsDocumented(string what, xdp_umem_reg umem, Errno expected)
    {
        using MappedMemory memory = MappedMemory.MapAnonymous(MemoryBytes);
        umem.addr += (ulong)memory.Address;
        Errno actual = Register(umem);
        Assert.True(expected == actual, $"{what}: {actual}, expected {expected}");
    }

    [KernelFact]
    public void UmemReg_Headroom_LimitIsOneOfTheTwoKnownRules()
    {
        using MappedMemory memory = MappedMemory.MapAnonymous(MemoryBytes);
        uint accepted = 0;
        uint refused = 2048;
        while (refused - accepted > 1)
        {
            uint middle = (accepted + refused) / 2;
            xdp_umem_reg umem = Reg(headroom: middle);
            umem.addr = (ulong)memory.Address;
            (accepted, refused) = Register(umem) == Errno.None ? (middle, refused) : (accepted, middle);
        }

        // Less than chunk - 256 up to early 2026, at most chunk - 256 - 320 - 128 since.
        Assert.Contains(accepted, new uint[] { 1791, 1344 });
    }

    [KernelFact]
    public void UmemReg_MemoryOpenedForReading_IsEfault()
    {
        using FileDescriptor file = MemFile.Create("readonly", MemoryBytes, default);
        using MappedMemory memory = MappedMemory.Map(file, 0, MemoryBytes, MapAccess.Read);
        Assert.Equal(Errno.EFAULT, Register(memory));
    }

    [KernelFact]
    public void UmemReg_HoleAfterTheStart_IsEnomem()
    {
        using MappedMemory memory = MappedMemory.MapAnonymous(MemoryBytes);
        Assert.Equal(0, Libc.munmap(memory.Address + 8192, 4096));
        Assert.Equal(Errno.ENOMEM, Register(memory));
    }

    [KernelFact]
    public void UmemReg_SharedMapOfDiskFile_IsEfault()
    {
        // Next to the binaries: /tmp may be a tmpfs, whose files are accepted.
        string path = Path.Combine(AppContext.BaseDirectory, $"umem-{Guid.NewGuid():n}");
        using FileDescriptor file = FileDescriptor.Open(path, Libc.O_RDWR | Libc.O_CREAT | Libc.O_EXCL, 0x180);
        File.Delete(path);
        file.Truncate(MemoryBytes);
        using MappedMemory memory = MappedMemory.Map(file, 0, MemoryBytes, MapAccess.ReadWrite);
        Assert.Equal(Errno.EFAULT, Register(memory));
    }

    [KernelFact]
    public void UmemReg_SealedMemFile_IsAccepted()
    {
        using FileDescriptor file = MemFile.Create("sealed", MemoryBytes, new MemFileOptions(Sealable: true));
        using MappedMemory memory = MappedMemory.Map(file, 0, MemoryBytes, MapAccess.ReadWrite);
        MemFile.AddSeals(file, MemFileSeals.Shrink | MemFileSeals.Grow | MemFileSeals.FutureWrite);
        Assert.Equal(Errno.None, Register(memory));
    }

    [KernelFact]
    public void UmemReg_WhilePinned_WriteSealIsEbusy()
    {
        using FileDescriptor file = MemFile.Create("pinned", MemoryBytes, new MemFileOptions(Sealable: true));
        using AfXdpSocket socket = AfXdpSocket.Create();
        using (MappedMemory memory = MappedMemory.Map(file, 0, MemoryBytes, MapAccess.ReadWrite))
        {
            socket.RegisterUmem(RegOf(memory));
        }

        Assert.Equal(
            Errno.EBUSY, Assert.Throws<LinuxException>(() => MemFile.AddSeals(file, MemFileSeals.Write)).Errno);
    }

    [KernelFact]
    public void UmemReg_HugePages_IsAccepted()
    {
        const long HugeBytes = 2 << 20;
        using FileDescriptor file = MemFile.Create("huge", HugeBytes, new MemFileOptions(HugePageSize.Size2MiB));
        using var pages = new HugePages(1);
        using MappedMemory memory = MappedMemory.Map(file, 0, HugeBytes, MapAccess.ReadWrite, populate: true);
        Assert.Equal(Errno.None, Register(memory));
    }

    [KernelFact]
    public void UmemReg_Twice_IsEbusy()
    {
        using MappedMemory memory = MappedMemory.MapAnonymous(MemoryBytes);
        using AfXdpSocket socket = AfXdpSocket.Create();
        socket.RegisterUmem(RegOf(memory));
        var error = Assert.Throws<LinuxException>(() => socket.RegisterUmem(RegOf(memory)));
        Assert.Equal("setsockopt(XDP_UMEM_REG): EBUSY (Device or resource busy)", error.Message);
    }

    [KernelFact]
    public void UmemReg_TwentyEightBytes_FlagsAreNotRead()
    {
        using MappedMemory memory = MappedMemory.MapAnonymous(MemoryBytes);
        using AfXdpSocket socket = AfXdpSocket.Create();
        xdp_umem_reg umem = Reg(chunk: 3000, flags: Unaligned);
        umem.addr = (ulong)memory.Address;
        Assert.Equal(-1, Libc.setsockopt(socket.Descriptor, SOL_XDP, XDP_UMEM_REG, &umem, 28));
        Assert.Equal(Errno.EINVAL, Result.LastErrno);
        Assert.Equal(0, Libc.setsockopt(socket.Descriptor, SOL_XDP, XDP_UMEM_REG, &umem, 32));
    }

    [KernelFact]
    public void UmemReg_BeyondMemlockLimit_IsEnobufsUntilTheFirstIsReleased()
    {
        long limit = MemlockLimitBytes();
        long bytes = (limit * 3 / 4 / 4096) * 4096;
        Capabilities.RunWithout(Capabilities.IpcLock, () =>
        {
            using MappedMemory first = MappedMemory.MapAnonymous(bytes);
            using MappedMemory second = MappedMemory.MapAnonymous(bytes);
            using AfXdpSocket loser = AfXdpSocket.Create();
            using (AfXdpSocket holder = AfXdpSocket.Create())
            {
                Wait.Until(() => TryRegister(holder, first) == Errno.None, "memory of earlier tests released");
                Assert.Equal(Errno.ENOBUFS, TryRegister(loser, second));
            }

            // Released from a work queue, some time after the close.
            Wait.Until(() => TryRegister(loser, second) == Errno.None, "memory of the first socket released");
        });
    }

    [KernelTheory]
    [InlineData(0u, Errno.EINVAL)]
    [InlineData(3u, Errno.EINVAL)]
    [InlineData(1u, Errno.None)]
    [InlineData(65536u, Errno.None)]
    public void RingSize_Entries_MustBeAPowerOfTwo(uint entries, Errno expected)
    {
        foreach (XdpRing ring in Enum.GetValues<XdpRing>())
        {
            using AfXdpSocket socket = AfXdpSocket.Create();
            Assert.Equal(expected, ErrnoOf(() => socket.SetRingSize(ring, entries)));
        }
    }

    [KernelFact]
    public void RingSize_SecondCall_IsEinval()
    {
        using AfXdpSocket socket = AfXdpSocket.Create();
        socket.SetRingSize(XdpRing.Rx, 64);
        var error = Assert.Throws<LinuxException>(() => socket.SetRingSize(XdpRing.Rx, 64));
        Assert.Equal("setsockopt(XDP_RX_RING): EINVAL (Invalid argument)", error.Message);
    }

    internal static Errno ErrnoOf(Action action) =>
        Record.Exception(action) switch
        {
            null => Errno.None,
            LinuxException e => e.Errno,
            Exception e => throw new InvalidOperationException("another kind of failure", e),
        };

    private static xdp_umem_reg Reg(
        uint chunk = 2048,
        ulong length = MemoryBytes,
        uint headroom = 0,
        uint flags = 0,
        uint metadata = 0,
        ulong offset = 0) => new()
        {
            addr = offset,
            len = length,
            chunk_size = chunk,
            headroom = headroom,
            flags = flags,
            tx_metadata_len = metadata,
        };

    private static xdp_umem_reg RegOf(MappedMemory memory) =>
        Reg(length: (ulong)memory.Length, offset: (ulong)memory.Address);

    private static Errno Register(MappedMemory memory) => Register(RegOf(memory));

    private static Errno Register(xdp_umem_reg umem)
    {
        using AfXdpSocket socket = AfXdpSocket.Create();
        return ErrnoOf(() => socket.RegisterUmem(umem));
    }

    private static Errno TryRegister(AfXdpSocket socket, MappedMemory memory) =>
        ErrnoOf(() => socket.RegisterUmem(RegOf(memory)));

    private static long MemlockLimitBytes()
    {
        const long TestLimitBytes = 8 << 20;
        string soft = SoftMemlockLimit();
        if (soft == "unlimited" || long.Parse(soft) > TestLimitBytes)
        {
            // Only the soft limit, which touches nobody who has CAP_IPC_LOCK.
            Command.Run("prlimit", "--pid", $"{Environment.ProcessId}", $"--memlock={TestLimitBytes}:");
            soft = SoftMemlockLimit();
        }

        return long.Parse(soft);
    }

    private static string SoftMemlockLimit() => File.ReadLines("/proc/self/limits")
        .Single(line => line.StartsWith("Max locked memory", StringComparison.Ordinal))
        .Split(' ', StringSplitOptions.RemoveEmptyEntries)[3];
}
