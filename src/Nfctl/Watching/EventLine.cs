using Nf.Ctl.Rendering;
using Nf.V1;

namespace Nf.Ctl.Watching;

/// <summary>An event on one line.</summary>
internal static class EventLine
{
    internal static string Format(Event happened, bool color)
    {
        Cell kind = Names.Of(happened.Kind);
        string time = happened.Time?.ToDateTime().ToString("yyyy-MM-dd'T'HH:mm:ss.fff'Z'") ?? "-";
        string resource = happened.ResourceName.Length == 0
            ? happened.ResourceType
            : $"{happened.ResourceType}/{happened.ResourceName}";
        string attributes = happened.Attributes.Count == 0 ? "" : $" ({Labels.Join(happened.Attributes)})";
        return $"{time}  #{happened.Sequence}  {Paint(kind, color)}  "
            + Cell.Printable($"{resource}  {happened.Message}{attributes}");
    }

    private static string Paint(Cell cell, bool color)
    {
        const int KindWidth = 17; // the longest kind, "interface-changed"
        string padded = cell.Text.PadRight(KindWidth);
        string? code = cell.Tone switch
        {
            Tone.Good => "32",
            Tone.Warning => "33",
            Tone.Bad => "31",
            _ => null,
        };
        return color && code is not null ? $"\e[{code}m{padded}\e[0m" : padded;
    }
}
