using Microsoft.CodeAnalysis;
using Microsoft.CodeAnalysis.CSharp.Syntax;

namespace Nf.Tidy.Tests.Rules;

/// <summary>How long files, methods and lines may be.</summary>
internal static class LengthRules
{
    internal const int FileLinesMax = 400;
    internal const int MethodLinesMax = 70;
    internal const int LineColumnsMax = 120;

    private const int TabColumns = 4;

    private static readonly HashSet<string> Sources = [".cs", ".c", ".h", ".sh", ".py", ".proto"];

    internal static IEnumerable<Violation> FileLength(SourceFile file)
    {
        // A protocol file is a contract that is read as one; everything else is one idea per file.
        if (!Sources.Contains(file.Extension) || file.Extension == ".proto")
        {
            yield break;
        }

        int lines = file.Text.TrimEnd('\n').Split('\n').Length;
        if (lines > FileLinesMax)
        {
            yield return file.At(FileLinesMax + 1, $"{lines} lines, at most {FileLinesMax}");
        }
    }

    internal static IEnumerable<Violation> MethodLength(SourceFile file)
    {
        if (!file.IsCSharp)
        {
            yield break;
        }

        foreach (SyntaxNode node in file.Syntax.DescendantNodes())
        {
            if (node is BaseMethodDeclarationSyntax or LocalFunctionStatementSyntax or AccessorDeclarationSyntax)
            {
                int lines = file.LineAt(node.Span.End) - file.LineAt(node.SpanStart) + 1;
                if (lines > MethodLinesMax)
                {
                    yield return file.At(node, $"a method of {lines} lines, at most {MethodLinesMax}");
                }
            }
        }
    }

    internal static IEnumerable<Violation> LineLength(SourceFile file)
    {
        if (!Sources.Contains(file.Extension))
        {
            yield break;
        }

        string[] lines = file.Lines;
        for (int i = 0; i < lines.Length; i++)
        {
            int columns = lines[i].Length + (lines[i].Count(c => c == '\t') * (TabColumns - 1));
            if (columns > LineColumnsMax)
            {
                yield return file.At(i + 1, $"{columns} columns, at most {LineColumnsMax}");
            }
        }
    }
}
