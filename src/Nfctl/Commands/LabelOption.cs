using System.CommandLine;
using Google.Protobuf.Collections;

namespace Nf.Ctl.Commands;

/// <summary>The labels a resource is created with.</summary>
internal sealed class LabelOption
{
    private readonly Option<KeyValuePair<string, string>[]> _option = Args.Repeated(
        "--label", "K=V", "A label that reaches the metrics; may be repeated", Parsing.Lists.Label);

    internal void AddTo(Command command)
    {
        command.Options.Add(_option);
        command.Validators.Add(result =>
        {
            // The words as typed: a label that does not parse has an error of its own.
            IEnumerable<string> keys = result.GetResult(_option)?.Tokens.Select(t => t.Value.Split('=')[0]) ?? [];
            foreach (IGrouping<string, string> same in keys.GroupBy(k => k).Where(g => g.Count() > 1))
            {
                result.AddError($"--label: '{same.Key}' is given {same.Count()} times");
            }
        });
    }

    internal void Fill(ParseResult parsed, MapField<string, string> labels)
    {
        foreach ((string key, string value) in parsed.GetValue(_option) ?? [])
        {
            labels[key] = value;
        }
    }
}
