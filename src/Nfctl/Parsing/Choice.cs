namespace Nf.Ctl.Parsing;

/// <summary>A value out of a few, each with its name on the command line.</summary>
internal sealed class Choice<T>(params (string Name, T Value)[] entries)
{
    /// <summary>The names, in the order given.</summary>
    internal IEnumerable<string> Names => entries.Select(e => e.Name);

    /// <summary>The value of a name.</summary>
    /// <exception cref="FormatException">No such name.</exception>
    internal T Parse(string text)
    {
        foreach ((string name, T value) in entries)
        {
            if (name == text)
            {
                return value;
            }
        }

        throw new FormatException($"'{text}' is none of {string.Join(", ", Names)}");
    }
}
