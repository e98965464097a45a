using Nf.V1;

namespace Nf.Service.Tests;

public sealed class UmemValidationTests
{
    public static TheoryData<string, Action<CreateUmemRequest>, string> Wrong { get; } = new()
    {
        { "no size", r => r.Spec.SizeBytes = 0, "spec.size_bytes" },
        { "half a chunk", r => r.Spec.SizeBytes = 1024, "spec.size_bytes" },
        { "a chunk and a half", r => r.Spec.SizeBytes = 3072, "spec.size_bytes" },
        { "chunk too small", r => r.Spec.ChunkSizeBytes = 1024, "spec.chunk_size_bytes" },
        { "chunk too large", r => r.Spec.ChunkSizeBytes = 8192, "spec.chunk_size_bytes" },
        { "chunk no power of two", r => r.Spec.ChunkSizeBytes = 3000, "spec.chunk_size_bytes" },
        { "headroom eats the chunk", r => r.Spec.HeadroomBytes = 2048 - 703, "spec.headroom_bytes" },
        { "odd metadata", r => r.Spec.TxMetadataBytes = 12, "spec.tx_metadata_bytes" },
        { "much metadata", r => r.Spec.TxMetadataBytes = 256, "spec.tx_metadata_bytes" },
        { "unknown page size", r => r.Spec.PageSize = (PageSize)9, "spec.page_size" },
        { "no such node", r => r.Spec.NumaNode = 1024, "spec.numa_node" },
        { "owner with a dot", r => r.Spec.QuotaOwner = "a.b", "spec.quota_owner" },
        { "empty name", r => r.Name = "", "name" },
        { "upper case", r => r.Name = "Umem", "name" },
        { "dash at the end", r => r.Name = "u-", "name" },
        { "new line at the end", r => r.Name = "u\n", "name" },
        { "64 characters", r => r.Name = new string('a', 64), "name" },
        { "no spec", r => r.Spec = null, "spec.size_bytes" },
        { "label key", r => r.Labels["a-b"] = "", "labels[a-b]" },
        { "label value", r => r.Labels["a"] = new string('ä', 129), "labels[a]" },
        { "label key too long", r => r.Labels[new string('k', 64)] = "", $"labels[{new string('k', 64)}]" },
        {
            "33 labels",
            r => r.Labels.Add(Enumerable.Range(0, 33).ToDictionary(i => $"l{i}", _ => "")),
            "labels"
        },
    };

    [Theory]
    [MemberData(nameof(Wrong))]
    public void From_WrongField_NamesThatFieldOnly(string why, Action<CreateUmemRequest> change, string field)
    {
        CreateUmemRequest request = Requests.Umem();
        change(request);

        var error = Assert.Throws<InvalidSpecException>(() => DesiredUmem.From(request));

        Assert.True(error.Faults.All(fault => fault.Field == field), $"{why}: {error.Message}");
    }

    [Fact]
    public void From_ManyFaults_NamesAllAtOnce()
    {
        CreateUmemRequest request = Requests.Umem("Bad", s =>
        {
            s.ChunkSizeBytes = 100;
            s.TxMetadataBytes = 7;
            s.QuotaOwner = "?";
        });

        var error = Assert.Throws<InvalidSpecException>(() => DesiredUmem.From(request));

        Assert.Superset(
            new HashSet<string> { "name", "spec.chunk_size_bytes", "spec.tx_metadata_bytes", "spec.quota_owner" },
            error.Faults.Select(fault => fault.Field).ToHashSet());
    }

    [Fact]
    public void From_Defaults_AreFilledIn()
    {
        UmemSpec spec = DesiredUmem.From(Requests.Umem()).ToProto().Spec;

        Assert.Equal((2048u, PageSize._4Kib, "default"), (spec.ChunkSizeBytes, spec.PageSize, spec.QuotaOwner));
    }

    [Theory]
    [InlineData("a")]
    [InlineData("0")]
    [InlineData("a-b--c9")]
    public void Name_Allowed_IsTaken(string name) => Assert.Equal(name, ResourceName.Parse(name).Value);

    [Fact]
    public void Name_Of63Characters_IsTaken() => Assert.True(ResourceName.IsValid(new string('a', 63)));

    [Fact]
    public void QuotaBytes_HugePages_AreWholePages()
    {
        var umem = DesiredUmem.From(Requests.Umem(change: s => s.PageSize = PageSize._2Mib));

        Assert.Equal(2UL << 20, umem.QuotaBytes);
    }

    [Fact]
    public void DifferenceFrom_DefaultsWrittenOut_IsNone()
    {
        var plain = DesiredUmem.From(Requests.Umem());
        var written = DesiredUmem.From(Requests.Umem(change: s =>
        {
            s.ChunkSizeBytes = 2048;
            s.PageSize = PageSize._4Kib;
            s.QuotaOwner = "default";
        }));

        Assert.Null(plain.DifferenceFrom(written));
    }

    [Fact]
    public void DifferenceFrom_OtherSpecAndLabels_NamesBoth()
    {
        var one = DesiredUmem.From(Requests.Umem());
        CreateUmemRequest other = Requests.Umem(change: s => s.NumaNode = 0);
        other.Labels["pod"] = "x";

        string? difference = one.DifferenceFrom(DesiredUmem.From(other));

        Assert.Equal("spec.numa_node is unset, asked for 0; labels[pod] is unset, asked for \"x\"", difference);
    }
}
