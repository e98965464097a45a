using Google.Protobuf;

namespace Nf.Ctl.Rendering;

/// <summary>Protobuf JSON. Fields at their default are written too: programs need not know the defaults.</summary>
internal static class Json
{
    private static readonly JsonFormatter Line = new(JsonFormatter.Settings.Default.WithFormatDefaultValues(true));

    private static readonly JsonFormatter Document = new(
        JsonFormatter.Settings.Default.WithFormatDefaultValues(true).WithIndentation());

    /// <summary>One document.</summary>
    internal static void WriteDocument(TextWriter output, IMessage message)
    {
        Document.Format(message, output);
        output.WriteLine();
    }

    /// <summary>One object of a stream, on one line.</summary>
    internal static void WriteLine(TextWriter output, IMessage message)
    {
        Line.Format(message, output);
        output.WriteLine();
        output.Flush();
    }
}
