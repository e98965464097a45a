using System.CommandLine;
using System.CommandLine.Parsing;
using Nf.Ctl.Parsing;

namespace Nf.Ctl.Commands;

/// <summary>Makes options whose values are parsed by our own functions, so that errors read well.</summary>
internal static class Args
{
    /// <summary>An option with one value.</summary>
    internal static Option<T> Option<T>(string name, string valueName, string description, Func<string, T> parse)
    {
        var option = new Option<T>(name)
        {
            HelpName = valueName,
            Description = description,
            CustomParser = result => Parse(result, name, result.Tokens[0].Value, parse),
        };

        // Names of enum members, which are C#'s and not ours.
        option.CompletionSources.Clear();
        return option;
    }

    /// <summary>An option with one value out of a few, which shells complete.</summary>
    internal static Option<T> Option<T>(string name, string description, Choice<T> choice)
    {
        Option<T> option = Option(name, string.Join('|', choice.Names), description, choice.Parse);
        option.CompletionSources.Add(_ => choice.Names);
        return option;
    }

    /// <summary>An option that may be repeated.</summary>
    internal static Option<T[]> Repeated<T>(string name, string valueName, string description, Func<string, T> parse)
    {
        return new Option<T[]>(name)
        {
            HelpName = valueName,
            Description = description,
            Arity = ArgumentArity.OneOrMore,
            CustomParser = result => [.. result.Tokens.Select(t => Parse(result, name, t.Value, parse)!)],
        };
    }

    /// <summary>A switch.</summary>
    internal static Option<bool> Switch(string name, string description)
    {
        // Without a value: "--force false" would otherwise swallow the next word.
        return new Option<bool>(name) { Description = description, Arity = ArgumentArity.Zero };
    }

    /// <summary>The name of a resource.</summary>
    internal static Argument<string> Name(string description)
    {
        return new Argument<string>("NAME") { Description = description };
    }

    /// <summary>An argument that is a number.</summary>
    internal static Argument<uint> Number(string name, string description)
    {
        return new Argument<uint>(name)
        {
            Description = description,
            CustomParser = result => Parse(result, name, result.Tokens[0].Value, Parsing.Numbers.UInt32),
        };
    }

    /// <summary>Makes an option required.</summary>
    internal static Option<T> Required<T>(this Option<T> option)
    {
        option.Required = true;
        return option;
    }

    /// <summary>Parses a word; what is wrong with it becomes an error of the command line.</summary>
    internal static T? Parse<T>(ArgumentResult result, string name, string text, Func<string, T> parse)
    {
        try
        {
            return parse(text);
        }
        catch (FormatException e)
        {
            result.AddError($"{name}: {e.Message}");
            return default;
        }
    }
}
