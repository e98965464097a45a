using Microsoft.CodeAnalysis;
using Microsoft.CodeAnalysis.CSharp;

namespace Nf.Tidy.Tests;

/// <summary>One file of the repository: its path from the root, with '/' between, and its text.</summary>
internal sealed class SourceFile(string path, string text, UnixFileMode mode = UnixFileMode.None)
{
    private SyntaxTree? _tree;

    internal string Path { get; } = path;

    internal string Text { get; } = text;

    internal UnixFileMode Mode { get; } = mode;

    internal string Name => System.IO.Path.GetFileName(Path);

    internal string Extension => System.IO.Path.GetExtension(Path);

    internal bool IsCSharp => Extension == ".cs";

    internal string[] Lines => Text.Split('\n');

    internal SyntaxNode Syntax => (_tree ??= CSharpSyntaxTree.ParseText(Text, path: Path)).GetRoot();

    internal bool IsUnder(string folder) => Path.StartsWith(folder + "/", StringComparison.Ordinal);

    /// <summary>The line, counted from 1, that holds the character at <paramref name="position"/>.</summary>
    internal int LineAt(int position) => Text.AsSpan(0, position).Count('\n') + 1;

    internal Violation At(int line, string what) => new($"{Path}:{line}: {what}");

    internal Violation At(SyntaxNode node, string what) => At(LineAt(node.SpanStart), what);
}
