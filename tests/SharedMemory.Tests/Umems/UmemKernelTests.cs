using Nf.Linux;
using Nf.Linux.Tests.Support;
using Nf.SharedMemory.Umems;

namespace Nf.SharedMemory.Tests.Umems;

// The same requests to our rules and to the kernel's: who refuses must be the same.
[Trait("Tier", "kernel")]
public sealed unsafe class UmemKernelTests : IDisposable
{
    private const int MemoryBytes = 4 << 20;

    private readonly MappedMemory _memory = MappedMemory.MapAnonymous(MemoryBytes);

    public static TheoryData<string> Names => new(UmemCase.All.Select(row => row.Name));

    public void Dispose() => _memory.Dispose();

    [Theory]
    [MemberData(nameof(Names))]
    public void Register_Case_KernelAgrees(string name)
    {
        UmemCase row = UmemCase.All.Single(c => c.Name == name);
        Assert.Null(Disagreement(row.Request, row.Stricter));
    }

    [Fact]
    public void Register_SeededRequests_KernelAgrees()
    {
        var random = new Random(4096);
        uint[] chunks = [1024, 2047, 2048, 2049, 2560, 3000, 4095, 4096, 4097, 8192];
        ulong[] sizes = [0, 2047, 2048, 4096, 6144, 8192, 3000 * 7, 12288, 65536, 65537, 1 << 20];
        uint[] headrooms = [0, 1, 63, 64, 256, 1344, 1345, 1792, 2296, 3392, 3393, 4096, uint.MaxValue];
        uint[] metadata = [0, 0, 0, 8, 12, 248, 256];
        uint[] flags = [0, 0, 0, 1, 2, 4, 7, 8];
        int fine = 0;
        for (int i = 0; i < 400; i++)
        {
            var request = new UmemRequest
            {
                ChunkSizeBytes = Pick(chunks),
                SizeBytes = Pick(sizes),
                HeadroomBytes = random.Next(2) == 0 ? 0 : Pick(headrooms),
                Unaligned = random.Next(3) == 0,
                TxMetadataBytes = Pick(metadata),
                Flags = Pick(flags),
                Address = random.Next(5) == 0 ? (ulong)random.Next(8192) : 0,
            };
            IReadOnlyList<UmemFault> faults = UmemGeometry.Check(request, out UmemGeometry? geometry);
            bool isStricter = faults.All(fault => fault.Field == "headroom_bytes");
            fine += geometry is null ? 0 : 1;
            Assert.Null(Disagreement(request, isStricter && geometry is null ? "headroom" : ""));
        }

        Assert.InRange(fine, 20, 380);

        T Pick<T>(T[] values) => values[random.Next(values.Length)];
    }

    [Fact]
    public void Register_HeadroomStepByStep_OurLimitIsNeverAboveTheKernels()
    {
        uint highest = 0;
        for (uint headroom = 1300; headroom < 2048; headroom++)
        {
            var registration = new xdp_umem_reg { len = MemoryBytes, chunk_size = 2048, headroom = headroom };
            if (Register(registration, 0) == Errno.None)
            {
                highest = headroom;
            }
        }

        Assert.InRange(highest, 2048 - UmemGeometry.HeadroomReserveBytes, 2048u - 256);
    }

    // Larger chunks would be fine on larger pages, but no kernel takes them, and no headroom is rounded any more.
    [Theory]
    [InlineData(2048u, 0u, false, Errno.None)]
    [InlineData(4096u, 0u, false, Errno.None)]
    [InlineData(4096u, 0u, true, Errno.None)]
    [InlineData(3000u, 0u, true, Errno.None)]
    [InlineData(4096u, 3392u, false, Errno.None)]
    [InlineData(4096u, 3393u, false, Errno.EINVAL)]
    [InlineData(4097u, 0u, true, Errno.EINVAL)]
    [InlineData(8192u, 0u, false, Errno.EINVAL)]
    [InlineData(8192u, 0u, true, Errno.EINVAL)]
    [InlineData(2u << 20, 0u, false, Errno.EINVAL)]
    [InlineData(2u << 20, 0u, true, Errno.EINVAL)]
    public void Register_HugePages_KernelAgrees(uint chunk, uint headroom, bool unaligned, Errno expected)
    {
        const long hugeBytes = 4 << 20;
        using var pages = new HugePages(2);
        using FileDescriptor file = MemFile.Create("huge", hugeBytes, new MemFileOptions(HugePageSize.Size2MiB));
        using MappedMemory memory = MappedMemory.Map(file, 0, hugeBytes, MapAccess.ReadWrite, populate: true);
        var request = new UmemRequest
        {
            SizeBytes = hugeBytes,
            ChunkSizeBytes = chunk,
            HeadroomBytes = headroom,
            Unaligned = unaligned,
            PageSize = HugePageSize.Size2MiB,
        };

        IReadOnlyList<UmemFault> faults = UmemGeometry.Check(request, out UmemGeometry? geometry);
        xdp_umem_reg registration = geometry?.ToRegistration(0) ?? Raw(request);
        Errno kernels = Register(registration with { addr = (ulong)memory.Address });

        Assert.Equal(expected, faults.Count == 0 ? Errno.None : Errno.EINVAL);

        // The kernel's limit of headroom is younger than some kernels, so ours is the stricter one there.
        Assert.Equal(expected, headroom != 0 && kernels == Errno.None ? expected : kernels);
    }

    [Theory]
    [InlineData(1u)]
    [InlineData(63u)]
    [InlineData(65u)]
    public void Register_OddHeadroom_IsTakenAsItIs(uint headroom)
    {
        UmemGeometry.Check(
            new UmemRequest { SizeBytes = 8192, HeadroomBytes = headroom }, out UmemGeometry? geometry);
        Assert.Equal(Errno.None, Register(geometry!.ToRegistration((ulong)_memory.Address)));
        Assert.Equal(headroom + IfXdp.XDP_PACKET_HEADROOM, geometry.RxOffset);
    }

    [Fact]
    public void Register_MemoryThatCannotBePinned_IsTheKernelsWord()
    {
        UmemGeometry.Check(new UmemRequest { SizeBytes = 8192 }, out UmemGeometry? geometry);
        using FileDescriptor file = MemFile.Create("short", 4096, new MemFileOptions());
        using MappedMemory readOnly = MappedMemory.Map(file, 0, 4096, MapAccess.Read);
        using MappedMemory beyondEnd = MappedMemory.Map(file, 0, 8192, MapAccess.ReadWrite);
        Assert.Equal(Errno.EFAULT, Register(geometry!.ToRegistration((ulong)readOnly.Address)));
        Assert.Equal(Errno.ENOMEM, Register(geometry.ToRegistration((ulong)beyondEnd.Address)));
        Assert.Equal(Errno.EFAULT, Register(geometry.ToRegistration(0)));
    }

    [Fact]
    public void Register_SealedMemoryFileMappedBefore_IsTaken()
    {
        using FileDescriptor file = MemFile.Create("sealed", 8192, new MemFileOptions());
        using MappedMemory memory = MappedMemory.Map(file, 0, 8192, MapAccess.ReadWrite);
        MemFile.AddSeals(
            file, MemFileSeals.Shrink | MemFileSeals.Grow | MemFileSeals.FutureWrite | MemFileSeals.Seal);
        UmemGeometry.Check(new UmemRequest { SizeBytes = 8192 }, out UmemGeometry? geometry);
        Assert.Equal(Errno.None, Register(geometry!.ToRegistration((ulong)memory.Address)));
    }

    [Fact]
    public void Register_SecondTime_IsBusy()
    {
        UmemGeometry.Check(new UmemRequest { SizeBytes = 8192 }, out UmemGeometry? geometry);
        using AfXdpSocket socket = AfXdpSocket.Create();
        socket.RegisterUmem(geometry!.ToRegistration((ulong)_memory.Address));
        LinuxException e = Assert.Throws<LinuxException>(
            () => socket.RegisterUmem(geometry.ToRegistration((ulong)_memory.Address)));
        Assert.Equal(Errno.EBUSY, e.Errno);
    }

    private string? Disagreement(UmemRequest request, string stricter)
    {
        ulong offset = request.Address ?? 0;
        IReadOnlyList<UmemFault> faults = UmemGeometry.Check(request, out UmemGeometry? geometry);
        xdp_umem_reg registration = geometry?.ToRegistration(0) ?? Raw(request);
        Errno errno = Register(registration, offset);
        return (geometry, errno) switch
        {
            (not null, Errno.None) => null,
            (null, Errno.EINVAL) => null,
            (null, Errno.None) when stricter.Length > 0 => null,
            _ => $"{request}: kernel says {errno}, we say {(faults.Count == 0 ? "fine" : string.Join(", ", faults))}",
        };
    }

    private static xdp_umem_reg Raw(UmemRequest request) => new()
    {
        len = request.SizeBytes,
        chunk_size = request.ChunkSizeBytes,
        headroom = request.HeadroomBytes,
        flags = request.Flags | (request.Unaligned ? IfXdp.XDP_UMEM_UNALIGNED_CHUNK_FLAG : 0)
            | (request.TxMetadataBytes > 0 ? IfXdp.XDP_UMEM_TX_METADATA_LEN : 0),
        tx_metadata_len = request.TxMetadataBytes,
    };

    private Errno Register(xdp_umem_reg registration, ulong offset) =>
        Register(registration with { addr = (ulong)_memory.Address + offset });

    private static Errno Register(xdp_umem_reg registration)
    {
        using AfXdpSocket socket = AfXdpSocket.Create();
        try
        {
            socket.RegisterUmem(registration);
            return Errno.None;
        }
        catch (LinuxException e)
        {
            return e.Errno;
        }
    }
}
