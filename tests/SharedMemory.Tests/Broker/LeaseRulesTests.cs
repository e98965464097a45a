using Nf.Linux;
using Nf.SharedMemory.Broker;

namespace Nf.SharedMemory.Tests.Broker;

public class LeaseRulesTests
{
    private delegate void Change(ref LeaseRequest request);

    private static readonly Dictionary<string, Change> Changes = new()
    {
        ["flags 0x80"] = (ref LeaseRequest r) => r.Flags = (LeaseFlags)0x80,
        ["ZERO_COPY and COPY"] = (ref LeaseRequest r) => r.Flags = LeaseFlags.ZeroCopy | LeaseFlags.Copy,
        ["NATIVE and GENERIC"] = (ref LeaseRequest r) => r.Flags = LeaseFlags.Native | LeaseFlags.Generic,
        ["0 descriptors: the flags say 1"] = (ref LeaseRequest r) => r.Flags = LeaseFlags.NetworkNamespace,
        ["reserved 1"] = (ref LeaseRequest r) => r.Reserved = 1,
        ["interface: printable"] = (ref LeaseRequest r) => r.Interface[15] = 1,
        ["interface: printable ASCII"] = (ref LeaseRequest r) => r.Interface[0] = (byte)'/',
        ["interface, ifindex: one"] = (ref LeaseRequest r) => r.Ifindex = 1,
        ["interface, ifindex: one of"] = (ref LeaseRequest r) => r.Interface = default,
        ["ifindex 2147483648"] = (ref LeaseRequest r) => (r.Interface, r.Ifindex) = (default, 1u << 31),
        ["queue 65536"] = (ref LeaseRequest r) => r.Queue = 65536,
        ["keep_seconds 3601"] = (ref LeaseRequest r) => r.KeepSeconds = 3601,
        ["rx 0"] = (ref LeaseRequest r) => r.RxEntries = 0,
        ["tx 100"] = (ref LeaseRequest r) => r.TxEntries = 100,
        ["fill 1073741824"] = (ref LeaseRequest r) => r.FillEntries = 1 << 30,
        ["completion 64: at least tx"] = (ref LeaseRequest r) => r.CompletionEntries = 64,
        ["memory_kind 0"] = (ref LeaseRequest r) => r.MemoryKind = LeaseMemoryKind.None,
        ["memory_kind 4"] = (ref LeaseRequest r) => r.MemoryKind = (LeaseMemoryKind)4,
        ["memory_handle 1"] = (ref LeaseRequest r) => r.MemoryHandle = 1,
        ["memory_handle 0"] = (ref LeaseRequest r) => (r.MemoryKind, r.NotesBytes) = (LeaseMemoryKind.User, 0),
        ["memory_offset 4096"] = (ref LeaseRequest r) => r.MemoryOffset = 4096,
        ["memory_offset 1: a multiple"] = (ref LeaseRequest r) =>
            (r.MemoryKind, r.NotesBytes, r.MemoryHandle, r.MemoryOffset) = (LeaseMemoryKind.User, 0, 1, 1),
        ["memory_bytes 137438953472"] = (ref LeaseRequest r) => r.MemoryBytes = 1ul << 37,
        ["notes_bytes 4096: 0"] = (ref LeaseRequest r) => r.MemoryKind = LeaseMemoryKind.Own,
        ["notes_bytes 16777217"] = (ref LeaseRequest r) => r.NotesBytes = (1 << 24) + 1,
        ["chunk_size_bytes: 1024"] = (ref LeaseRequest r) => r.ChunkBytes = 1024,
        ["size_bytes: 0"] = (ref LeaseRequest r) => r.MemoryBytes = 0,
        ["headroom_bytes: 1345"] = (ref LeaseRequest r) => r.HeadroomBytes = 1345,
        ["flags: 0x8"] = (ref LeaseRequest r) => r.UmemFlags = 8,
        ["tx_metadata_bytes: 12"] = (ref LeaseRequest r) => r.TxMetadataBytes = 12,
    };

    public static TheoryData<string> Faults => [.. Changes.Keys];

    [Theory]
    [MemberData(nameof(Faults))]
    public void Check_OneWrongField_NamesIt(string fault)
    {
        LeaseRequest request = Good();
        Changes[fault](ref request);
        Assert.Contains(
            LeaseRules.Check(request, 0, out _), text => text.StartsWith(fault, StringComparison.Ordinal)
                || text.Contains(fault, StringComparison.Ordinal));
    }

    [Fact]
    public void Check_GoodRequests_HaveNoFault()
    {
        LeaseRequest request = Good();
        Assert.Empty(LeaseRules.Check(request, 0, out var geometry));
        Assert.Equal(512u, geometry!.ChunkCount);

        (request.Flags, request.MemoryKind, request.NotesBytes) =
            (LeaseFlags.NetworkNamespace | LeaseFlags.Copy | LeaseFlags.Generic, LeaseMemoryKind.Own, 0);
        Assert.Empty(LeaseRules.Check(request, 1, out _));

        (request.MemoryKind, request.MemoryHandle, request.MemoryOffset) = (LeaseMemoryKind.User, 3, 8192);
        (request.UmemFlags, request.TxMetadataBytes) = (IfXdp.XDP_UMEM_TX_METADATA_LEN, 24);
        Assert.Empty(LeaseRules.Check(request, 1, out geometry));
        Assert.Equal(IfXdp.XDP_UMEM_TX_METADATA_LEN, geometry!.Flags);
    }

    [Fact]
    public void Check_EverythingWrong_NamesAllAtOnce() =>
        Assert.InRange(LeaseRules.Check(default, 0, out _).Count, 6, 20);

    internal static LeaseRequest Good() => new()
    {
        Interface = InterfaceName.From("eth0"),
        RxEntries = 128,
        TxEntries = 128,
        FillEntries = 128,
        CompletionEntries = 128,
        MemoryKind = LeaseMemoryKind.Service,
        MemoryBytes = 512 * 2048,
        ChunkBytes = 2048,
        NotesBytes = 4096,
    };
}
