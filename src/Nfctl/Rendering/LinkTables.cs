using Nf.Ctl.Parsing;
using Nf.V1;

namespace Nf.Ctl.Rendering;

/// <summary>Tables of links.</summary>
internal static class LinkTables
{
    internal static IReadOnlyList<Grid> List(IEnumerable<Link> links)
    {
        var grid = new Grid("NAME", "STATE", "COPY", "A", "B") { WhenEmpty = "no links" };
        foreach (Link link in links)
        {
            grid.Add(
                link.Name,
                link.Status is { } status ? Names.Of(status.State) : Names.Unobserved,
                link.Status is { } granted ? CopyOf(granted) : Names.Unobserved,
                Endpoints.Format(link.Spec?.A),
                Endpoints.Format(link.Spec?.B));
        }

        return [grid];
    }

    /// <param name="link">What is shown.</param>
    /// <param name="withoutStatus">Its state when it has no status: what was only checked, by default.</param>
    internal static IReadOnlyList<Grid> One(Link link, string withoutStatus = "valid, not created")
    {
        Grid fields = Grid.Fields()
            .Add("Name", link.Name)
            .Add("A", Endpoints.Format(link.Spec?.A))
            .Add("B", Endpoints.Format(link.Spec?.B));
        Labels.AddTo(fields, link.Labels);
        if (link.Status is not { } status)
        {
            fields.Add("State", new Cell(withoutStatus, Tone.Dim));
            return [fields];
        }

        Cell state = Names.Of(status.State);
        fields
            .Add("State", new Cell(Reason.Append(state.Text, status.StateReason), state.Tone))
            .Add("Copy", CopyOf(status));
        return [fields];
    }

    private static string CopyOf(LinkStatus status) => status.ZeroCopy ? "none (one UMEM)" : "one";
}
