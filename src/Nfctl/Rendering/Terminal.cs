namespace Nf.Ctl.Rendering;

/// <summary>What standard output and standard error are.</summary>
/// <param name="IsTerminal">Standard output is a terminal that understands escape sequences.</param>
/// <param name="Color">Colours are wanted there.</param>
/// <param name="ErrorColor">Colours are wanted on standard error.</param>
internal sealed record Terminal(bool IsTerminal, bool Color, bool ErrorColor)
{
    /// <summary>A pipe or a file.</summary>
    internal static Terminal None { get; } = new(false, false, false);

    /// <summary>What this process was started with.</summary>
    internal static Terminal Detect()
    {
        bool understands = Environment.GetEnvironmentVariable("TERM") is not (null or "" or "dumb");
        bool color = understands && string.IsNullOrEmpty(Environment.GetEnvironmentVariable("NO_COLOR"));
        bool output = understands && !Console.IsOutputRedirected;
        return new Terminal(output, output && color, color && !Console.IsErrorRedirected);
    }

    internal Terminal WithoutColor() => this with { Color = false, ErrorColor = false };
}
