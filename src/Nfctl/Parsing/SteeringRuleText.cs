using Nf.V1;

namespace Nf.Ctl.Parsing;

/// <summary>
/// Rules as people write them: <c>[NAME:] MATCH… -> ACTION</c>, such as
/// <c>web: tcp dport 443 -> cpumap fan hash or drop</c>.
/// </summary>
internal static class SteeringRuleText
{
    private const string Arrow = "->";

    /// <summary>A rule.</summary>
    /// <exception cref="FormatException">A word that is none.</exception>
    internal static SteeringRule Parse(string text)
    {
        // The last one: a filter may have anything in it.
        int arrow = text.LastIndexOf(Arrow, StringComparison.Ordinal);
        if (arrow < 0)
        {
            throw new FormatException($"'{text}' has no '->'; write a rule like 'tcp dport 443 -> cpumap fan'");
        }

        string match = text[..arrow].Trim();
        var rule = new SteeringRule { Action = SteeringActionText.Parse(text[(arrow + Arrow.Length)..].Trim()) };
        int colon = match.IndexOf(':', StringComparison.Ordinal);
        int blank = match.IndexOf(' ', StringComparison.Ordinal);
        if (colon >= 0 && (colon == match.Length - 1 || colon == blank - 1))
        {
            rule.Name = match[..colon];
            match = match[(colon + 1)..].Trim();
        }

        rule.Match = SteeringMatchText.Parse(match);
        return rule;
    }

    /// <summary>A rule without its name, as it is written.</summary>
    internal static string Format(SteeringRule rule) =>
        $"{SteeringMatchText.Format(rule.Match)} {Arrow} {SteeringActionText.Format(rule.Action)}";
}
