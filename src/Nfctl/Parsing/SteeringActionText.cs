using Nf.V1;

namespace Nf.Ctl.Parsing;

/// <summary>
/// Where packets go, as people write it: <c>xsk [or drop]</c>, <c>cpumap NAME [SELECTION] [or drop]</c>, <c>pass</c>,
/// <c>drop</c>.
/// </summary>
internal static class SteeringActionText
{
    private const string Usage = "write xsk, cpumap NAME [SELECTION], pass or drop; xsk and cpumap with 'or drop'";

    /// <summary>An action.</summary>
    /// <exception cref="FormatException">None.</exception>
    internal static SteeringAction Parse(string text)
    {
        string[] words = text.Split(' ', StringSplitOptions.RemoveEmptyEntries);
        var action = new SteeringAction();
        int used = words switch
        {
            ["pass", ..] => Set(() => action.Pass = new ToStack(), 1),
            ["drop", ..] => Set(() => action.Drop = new ToNowhere(), 1),
            ["xsk", ..] => Set(() => action.Xsk = new ToXsk(), 1),
            ["cpumap", not "or", ..] => ParseCpumap(words, action),
            _ => throw new FormatException($"'{text}' is no action; {Usage}"),
        };
        string[] rest = words[used..];
        bool canFail = action.ToCase is SteeringAction.ToOneofCase.Xsk or SteeringAction.ToOneofCase.Cpumap;
        action.Fallback = rest switch
        {
            [] => SteeringFallback.Unspecified,
            ["or", "drop"] when canFail => SteeringFallback.Drop,
            ["or", "pass"] when canFail => SteeringFallback.Pass,
            _ => throw new FormatException($"'{string.Join(' ', rest)}' after '{words[0]}' is no action; {Usage}"),
        };
        return action;
    }

    /// <summary>An action as it is written.</summary>
    internal static string Format(SteeringAction? action)
    {
        string fallback = action?.Fallback == SteeringFallback.Drop ? " or drop" : "";
        return action?.ToCase switch
        {
            SteeringAction.ToOneofCase.Xsk => $"xsk{fallback}",
            SteeringAction.ToOneofCase.Cpumap =>
                $"cpumap {action.Cpumap.Cpumap} {Selections.Format(action.Cpumap.Selection)}{fallback}",
            SteeringAction.ToOneofCase.Pass => "pass",
            SteeringAction.ToOneofCase.Drop => "drop",
            _ => "",
        };
    }

    private static int ParseCpumap(string[] words, SteeringAction action)
    {
        action.Cpumap = new ToCpumap { Cpumap = words[1] };
        if (words.Length < 3 || words[2] == "or")
        {
            return 2;
        }

        action.Cpumap.Selection = Selections.Parse(words[2]);
        return 3;
    }

    private static int Set(Action set, int used)
    {
        set();
        return used;
    }
}
