using Nf.Linux;
using Nf.SharedMemory.Umems;

namespace Nf.SharedMemory.Tests.Umems;

public class UmemGeometryTests
{
    public static TheoryData<string> Names => new(UmemCase.All.Select(row => row.Name));

    [Theory]
    [MemberData(nameof(Names))]
    public void Check_Case_FindsExactlyItsFaults(string name)
    {
        UmemCase row = UmemCase.All.Single(c => c.Name == name);
        IReadOnlyList<UmemFault> faults = UmemGeometry.Check(row.Request, out UmemGeometry? geometry);
        Assert.Equal(row.Faults, faults.Select(fault => fault.Field));
        Assert.Equal(row.Faults.Length == 0, geometry is not null);
        Assert.All(faults, fault => Assert.NotEmpty(fault.Message));
    }

    [Fact]
    public void Check_AddressAtTheEnd_IsRefusedWhereItWraps()
    {
        var request = new UmemRequest { SizeBytes = 8192, Address = ulong.MaxValue - 8191 };
        Assert.Equal("address", Assert.Single(UmemGeometry.Check(request, out _)).Field);
        Assert.Empty(UmemGeometry.Check(request with { Address = ulong.MaxValue - 12287 }, out _));
    }

    [Fact]
    public void Check_Fault_NamesValueAndRule()
    {
        var request = new UmemRequest { SizeBytes = 4096, HeadroomBytes = 1345 };
        UmemFault fault = Assert.Single(UmemGeometry.Check(request, out _));
        Assert.Equal("1345 is more than 1344, a chunk of 2048 less 704", fault.Message);
    }

    [Fact]
    public void Check_KernelThatTakesMore_AllowsLargerChunks()
    {
        var request = new UmemRequest { SizeBytes = 4 << 20, ChunkSizeBytes = 16384, PageSize = HugePageSize.Size2MiB };
        Assert.Equal("chunk_size_bytes", Assert.Single(UmemGeometry.Check(request, out _)).Field);
        Assert.Empty(UmemGeometry.Check(request with { ChunkSizeBytesMax = 2 << 20 }, out _));
    }

    [Theory]
    [InlineData(HugePageSize.None, 6144ul, 8192ul)]
    [InlineData(HugePageSize.None, 8192ul, 8192ul)]
    [InlineData(HugePageSize.Size2MiB, 2048ul, 2097152ul)]
    [InlineData(HugePageSize.Size1GiB, 1073743872ul, 2147483648ul)]
    public void MappedBytes_AnySize_IsWholePagesOfTheBacking(HugePageSize pages, ulong size, ulong mapped)
    {
        var request = new UmemRequest { SizeBytes = size, PageSize = pages };
        Assert.Empty(UmemGeometry.Check(request, out UmemGeometry? geometry));
        Assert.Equal(mapped, geometry!.MappedBytes);
    }

    [Fact]
    public void Geometry_LargestOfAll_CountsWithoutOverflow()
    {
        const ulong size = (ulong)uint.MaxValue * 4096;
        var request = new UmemRequest { SizeBytes = size, ChunkSizeBytes = 4096, PageSize = HugePageSize.Size1GiB };
        Assert.Empty(UmemGeometry.Check(request, out UmemGeometry? geometry));
        Assert.Equal(uint.MaxValue, geometry!.ChunkCount);
        Assert.Equal(1ul << 44, geometry.MappedBytes);
        Assert.True(geometry.TryGetChunkIndex(size - 1, out uint last));
        Assert.Equal(uint.MaxValue - 1, last);
        Assert.False(geometry.TryGetChunkIndex(size, out _));
    }

    [Fact]
    public void Registration_EverythingAsked_CarriesFlagsAndSizes()
    {
        var request = new UmemRequest
        {
            SizeBytes = 9000,
            ChunkSizeBytes = 3000,
            HeadroomBytes = 100,
            Unaligned = true,
            TxMetadataBytes = 16,
            TxSoftwareChecksum = true,
        };
        UmemGeometry.Check(request, out UmemGeometry? geometry);
        xdp_umem_reg registration = geometry!.ToRegistration(0x10000);
        Assert.Equal((0x10000ul, 9000ul, 3000u, 100u), (
            registration.addr, registration.len, registration.chunk_size, registration.headroom));
        Assert.Equal((7u, 16u), (registration.flags, registration.tx_metadata_len));
        Assert.Equal((3000u - 100 - 256, 3000u - 16, 356u), (
            geometry.FrameBytesMax, geometry.TxFrameBytesMax, geometry.RxOffset));
    }

    [Theory]
    [InlineData(2048u, false)]
    [InlineData(4096u, false)]
    [InlineData(2048u, true)]
    [InlineData(3000u, true)]
    public void ChunkIndex_AddressesOfEveryChunk_GoThereAndBack(uint chunk, bool unaligned)
    {
        const int count = 1000;
        const ulong chunks = count;
        var request = new UmemRequest { SizeBytes = chunk * chunks, ChunkSizeBytes = chunk, Unaligned = unaligned };
        UmemGeometry.Check(request, out UmemGeometry? geometry);
        for (uint i = 0; i < count; i++)
        {
            ulong first = geometry!.AddressOf(i);
            ulong within = unaligned ? first | (300ul << 48) : first + 300;
            Assert.Equal(first + 300, geometry.OffsetOf(within));
            Assert.True(geometry.TryGetChunkIndex(first, out uint a));
            Assert.True(geometry.TryGetChunkIndex(within, out uint b));
            Assert.True(geometry.TryGetChunkIndex(first + chunk - 1, out uint c));
            Assert.Equal((i, i, i), (a, b, c));
        }

        Assert.False(geometry!.TryGetChunkIndex(geometry.AddressOf(count), out _));
        Assert.False(geometry.TryGetChunkIndex(unaligned ? (1ul << 48) - 1 : ulong.MaxValue, out _));
    }

    // The kernel returns addresses without their lowest bit.
    [Theory]
    [InlineData(3001u, 3001ul, 1u)]
    [InlineData(3001u, 6002ul, 1u)]
    [InlineData(3001u, 6003ul, 2u)]
    [InlineData(4095u, 4095ul * 1000, 999u)]
    [InlineData(2049u, 2ul << 20, 1023u)]
    public void AddressOf_OddChunkSize_IsEvenAndEveryChunkIsInside(uint chunk, ulong size, uint count)
    {
        UmemGeometry.Check(
            new UmemRequest { SizeBytes = size, ChunkSizeBytes = chunk, Unaligned = true }, out UmemGeometry? geometry);

        Assert.Equal(count, geometry!.ChunkCount);
        for (uint i = 0; i < count; i++)
        {
            ulong first = geometry.AddressOf(i);
            Assert.Equal(0ul, first % 2);
            Assert.InRange(first + chunk, 0ul, size);
            Assert.True(geometry.TryGetChunkIndex(first & ~1ul, out uint index));
            Assert.Equal(i, index);
        }
    }
}
