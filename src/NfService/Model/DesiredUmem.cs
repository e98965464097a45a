using Google.Protobuf;
using Nf.Linux;
using Nf.SharedMemory.Umems;
using Nf.V1;

namespace Nf.Service;

/// <summary>A UMEM as it was asked for.</summary>
internal sealed class DesiredUmem : DesiredResource
{
    /// <summary>Quota owner where none is named.</summary>
    public const string QuotaOwnerDefault = "default";

    // Kernel: MAX_NUMNODES is 1 << CONFIG_NODES_SHIFT, at most 10.
    private const uint NumaNodeCountMax = 1024;

    private readonly UmemSpec _spec;

    private DesiredUmem(ResourceName name, UmemSpec spec, IReadOnlyDictionary<string, string> labels)
        : base(UmemType, name, labels) => _spec = spec;

    /// <summary>Whose quota it counts against.</summary>
    public string QuotaOwner => _spec.QuotaOwner;

    /// <summary>Bytes it counts with: whole pages of the size asked for.</summary>
    public ulong QuotaBytes
    {
        get
        {
            ulong page = PageBytes(_spec.PageSize);
            ulong pages = (_spec.SizeBytes / page) + (_spec.SizeBytes % page == 0 ? 0UL : 1UL);
            return pages > ulong.MaxValue / page ? ulong.MaxValue : pages * page;
        }
    }

    protected override IMessage SpecMessage => _spec;

    /// <exception cref="InvalidSpecException">Names every fault of the request.</exception>
    public static DesiredUmem From(CreateUmemRequest request)
    {
        var faults = new SpecFaults();
        ResourceName name = ResourceName.Check(faults, "name", request.Name);
        LabelRules.Check(faults, request.Labels);
        UmemSpec spec = Normalise(request.Spec ?? new UmemSpec());
        Check(faults, spec);
        faults.ThrowIfAny();
        return new DesiredUmem(name, spec, Copy(request.Labels));
    }

    /// <summary>A UMEM that runs already: the data plane vouches for its spec.</summary>
    public static DesiredUmem Learn(Umem running) => new(
        ResourceName.Parse(running.Name), Normalise(running.Spec ?? new UmemSpec()), Copy(running.Labels));

    /// <summary>The resource for an answer or a command.</summary>
    public Umem ToProto(UmemStatus? status = null)
    {
        var umem = new Umem { Name = Name.Value, Spec = _spec.Clone(), Status = status };
        umem.Labels.Add(new Dictionary<string, string>(Labels));
        return umem;
    }

    private static UmemSpec Normalise(UmemSpec asked)
    {
        UmemSpec spec = asked.Clone();
        spec.ChunkSizeBytes = spec.ChunkSizeBytes == 0 ? UmemGeometry.ChunkSizeBytesDefault : spec.ChunkSizeBytes;
        spec.PageSize = spec.PageSize == PageSize.Unspecified ? PageSize._4Kib : spec.PageSize;
        spec.QuotaOwner = spec.QuotaOwner.Length == 0 ? QuotaOwnerDefault : spec.QuotaOwner;
        return spec;
    }

    private static void Check(SpecFaults faults, UmemSpec spec)
    {
        faults.RequireDefined(spec.PageSize, "spec.page_size");
        foreach (UmemFault fault in UmemGeometry.Check(GeometryOf(spec), out _))
        {
            faults.Add($"spec.{fault.Field}", fault.Message);
        }

        ResourceName.Check(faults, "spec.quota_owner", spec.QuotaOwner);
        faults.Require(
            !spec.HasNumaNode || spec.NumaNode < NumaNodeCountMax,
            "spec.numa_node",
            $"{spec.NumaNode} is no node: a kernel has at most {NumaNodeCountMax}");
    }

    private static UmemRequest GeometryOf(UmemSpec spec) => new()
    {
        SizeBytes = spec.SizeBytes,
        ChunkSizeBytes = spec.ChunkSizeBytes,
        HeadroomBytes = spec.HeadroomBytes,
        Unaligned = spec.Unaligned,
        PageSize = spec.PageSize switch
        {
            PageSize._2Mib => HugePageSize.Size2MiB,
            PageSize._1Gib => HugePageSize.Size1GiB,
            _ => HugePageSize.None,
        },
        TxMetadataBytes = spec.TxMetadataBytes,
        TxSoftwareChecksum = spec.TxSoftwareChecksum,
    };

    private static ulong PageBytes(PageSize pageSize) => pageSize switch
    {
        PageSize._2Mib => 2UL << 20,
        PageSize._1Gib => 1UL << 30,
        _ => 4096,
    };
}
