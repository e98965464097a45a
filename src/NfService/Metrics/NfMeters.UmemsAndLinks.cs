using System.Diagnostics.Metrics;
using Nf.SharedMemory.Segments;
using Nf.V1;

namespace Nf.Service;

// Instruments of UMEMs and links.
internal sealed partial class NfMeters
{
    private void AddUmemsAndLinks()
    {
        _meter.CreateObservableGauge("nf_umem_info", UmemInfos, null, "What a UMEM is and was granted");
        _meter.CreateObservableGauge(
            "nf_umem_frames",
            () => UmemSlots().SelectMany(u => new[]
            {
                Count(u.Slot.Counters.Free, ("umem", u.Umem.Name), ("state", "free")),
                Count(u.Slot.Counters.Fill, ("umem", u.Umem.Name), ("state", "fill")),
                Count(u.Slot.Counters.Tx, ("umem", u.Umem.Name), ("state", "tx")),
            }),
            null, "Frames in the free pool, with the kernel to receive into, and with the kernel to send");
        UmemGauge("nf_umem_capacity_frames", null, "Frames in all", slot => slot.Identity.ChunkCount);
        UmemGauge("nf_umem_frame_size", "By", "Size of a frame", slot => slot.Identity.ChunkSizeBytes);
        UmemGauge("nf_umem_mapped", "By", "Memory mapped", slot => slot.Identity.MappedBytes);
        _meter.CreateObservableCounter(
            "nf_umem_wild_completions",
            () => UmemSlots().Select(u => Count(u.Slot.Counters.WildCompletions, ("umem", u.Umem.Name))),
            null, "Completion entries refused: out of range, or of a frame the kernel did not have");
        _meter.CreateObservableGauge("nf_link_info", LinkInfos, null, "What a link is");
        _meter.CreateObservableGauge(
            "nf_link_up",
            () => _source.Read().Running.Links.Values.Select(link => new Measurement<long>(
                link.Status?.State == LinkState.Up ? 1 : 0, Tags(("link", link.Name)))),
            null, "1 while every socket and device of both ends carries traffic");
        _meter.CreateObservableCounter(
            "nf_link_packets", () => LinkTraffic(t => t.Packets), null, "Packets forwarded by a link");
        _meter.CreateObservableCounter(
            "nf_link_bytes", () => LinkTraffic(t => t.Bytes), "By", "Bytes of those packets");
    }

    private IEnumerable<(Umem Umem, UmemSlot Slot)> UmemSlots()
    {
        (Running running, SegmentSnapshot? segment) = _source.Read();
        return segment is null
            ? []
            : SegmentSlots.Join(
                running.Umems.Values, segment.Umems, u => u.Status?.SegmentSlot, (umem, slot) => (umem, slot));
    }

    private IEnumerable<Measurement<long>> UmemInfos() => UmemSlots().Select(u => One(WithLabels(
        u.Umem.Labels,
        ("umem", u.Umem.Name),
        ("owner", u.Umem.Spec?.QuotaOwner ?? ""),
        ("page_size", PageSizeName(u.Umem.Status.PageSize)),
        ("worker_cpu", u.Umem.Status.WorkerCpu))));

    private static string PageSizeName(PageSize size) => size switch
    {
        PageSize._2Mib => "2MiB",
        PageSize._1Gib => "1GiB",
        _ => "4KiB",
    };

    private void UmemGauge(string name, string? unit, string help, Func<UmemSlot, ulong> read) =>
        _meter.CreateObservableGauge(
            name, () => UmemSlots().Select(u => Count(read(u.Slot), ("umem", u.Umem.Name))), unit, help);

    private IEnumerable<Measurement<long>> LinkInfos() => _source.Read().Running.Links.Values.Select(link => One(
        WithLabels(
            link.Labels, ("link", link.Name), ("zero_copy", link.Status?.ZeroCopy == true ? "true" : "false"))));

    private IEnumerable<Measurement<long>> LinkTraffic(Func<(ulong Packets, ulong Bytes), ulong> read)
    {
        (Running running, SegmentSnapshot? segment) = _source.Read();
        if (segment is null)
        {
            yield break;
        }

        foreach (Link link in running.Links.Values)
        {
            (ulong, ulong) fromA = SegmentSlots.LinkTraffic(link.Spec.A, running, segment);
            yield return Count(read(fromA), ("link", link.Name), ("direction", "a_to_b"));
            if (!link.Spec.A.Equals(link.Spec.B))
            {
                (ulong, ulong) fromB = SegmentSlots.LinkTraffic(link.Spec.B, running, segment);
                yield return Count(read(fromB), ("link", link.Name), ("direction", "b_to_a"));
            }
        }
    }
}
