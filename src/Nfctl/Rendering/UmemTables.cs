using Nf.Ctl.Parsing;
using Nf.V1;

namespace Nf.Ctl.Rendering;

/// <summary>Tables of UMEMs.</summary>
internal static class UmemTables
{
    internal static IReadOnlyList<Grid> List(IEnumerable<Umem> umems)
    {
        var grid = new Grid(
            "NAME", "STATE", ">SIZE", ">CHUNK", ">CHUNKS", "PAGES",
            ">CPU", "SOCKETS")
        { WhenEmpty = "no UMEMs" };
        foreach (Umem umem in umems)
        {
            UmemStatus status = umem.Status ?? new UmemStatus();
            bool isObserved = umem.Status is not null;
            grid.Add(
                umem.Name,
                isObserved ? Names.Of(status.State) : Names.Unobserved,
                ByteSize.Format(umem.Spec?.SizeBytes ?? 0),
                $"{umem.Spec?.ChunkSizeBytes}",
                isObserved ? $"{status.ChunkCount}" : Names.Unobserved,
                isObserved ? PageSizes.Format(status.PageSize) : Names.Unobserved,
                isObserved ? $"{status.WorkerCpu}" : Names.Unobserved,
                string.Join(',', status.XskSockets));
        }

        return [grid];
    }

    /// <param name="umem">What is shown.</param>
    /// <param name="withoutStatus">Its state when it has no status: what was only checked, by default.</param>
    internal static IReadOnlyList<Grid> One(Umem umem, string withoutStatus = "valid, not created")
    {
        UmemSpec spec = umem.Spec ?? new UmemSpec();
        Grid fields = Grid.Fields()
            .Add("Name", umem.Name)
            .Add("Size", ByteSize.Format(spec.SizeBytes))
            .Add("Chunk size", ByteSize.Format(spec.ChunkSizeBytes) + (spec.Unaligned ? ", unaligned" : ""))
            .Add("Headroom", ByteSize.Format(spec.HeadroomBytes));
        if (spec.TxMetadataBytes > 0)
        {
            fields.Add("TX metadata", ByteSize.Format(spec.TxMetadataBytes)
                + (spec.TxSoftwareChecksum ? ", checksums on the CPU" : ""));
        }

        if (spec.HasNumaNode)
        {
            fields.Add("NUMA node", $"{spec.NumaNode}");
        }

        fields.Add("Quota owner", spec.QuotaOwner.Length == 0 ? "default" : spec.QuotaOwner);
        Labels.AddTo(fields, umem.Labels);
        if (umem.Status is not { } status)
        {
            fields.Add("State", new Cell(withoutStatus, Tone.Dim));
            return [fields];
        }

        fields
            .Add("State", Names.Of(status.State))
            .Add("Chunks", $"{status.ChunkCount}")
            .Add("Mapped", ByteSize.Format(status.MappedBytes))
            .Add("Pages", Reason.Append(PageSizes.Format(status.PageSize), status.PageSizeReason))
            .Add("Locked", Reason.Append(Names.YesNo(status.Locked), status.LockReason))
            .Add("Worker CPU", $"{status.WorkerCpu}")
            .Add("Sockets", string.Join(", ", status.XskSockets));
        return status.Ledger is { } ledger ? [fields, Draw(ledger)] : [fields];
    }

    private static Grid Draw(ChunkLedger ledger)
    {
        Cell sum = ledger.Closed ? new Cell("closed", Tone.Good) : new Cell($"OPEN: {ledger.Fault}", Tone.Bad);
        var grid = new Grid(
            ">FREE", ">FILL", ">RX", ">WORKER", ">TX",
            ">COMPLETION", ">RELEASING", ">WILD", "SUM")
        { Title = "Chunk ledger" };
        return grid.Add(
            $"{ledger.Free}", $"{ledger.Fill}", $"{ledger.Rx}", $"{ledger.Worker}", $"{ledger.Tx}",
            $"{ledger.Completion}", $"{ledger.Releasing}", $"{ledger.WildCompletions}", sum);
    }
}
