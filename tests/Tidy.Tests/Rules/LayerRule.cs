using System.Text.RegularExpressions;
using Microsoft.CodeAnalysis;
using Microsoft.CodeAnalysis.CSharp.Syntax;

namespace Nf.Tidy.Tests.Rules;

/// <summary>
/// The order of the folders of src/DataPlane: Program, then Broker, then Control, then Node, then Worker, then
/// Forwarding, then Ports and Steering, then Xdp, Vhost, Cpumaps and UserMemories, then Memory and Frames, then
/// Faults. A file names only what stands below it, or in its own folder.
/// </summary>
internal static partial class LayerRule
{
    private const string Root = "src/DataPlane/";
    private const string Namespace = "Nf.DataPlane";

    private static readonly Dictionary<string, int> Ranks = new()
    {
        ["Program"] = 9,
        ["Broker"] = 8,
        ["Control"] = 7,
        ["Node"] = 6,
        ["Worker"] = 5,
        ["Forwarding"] = 4,
        ["Ports"] = 3,
        ["Steering"] = 3,
        ["Xdp"] = 2,
        ["Vhost"] = 2,
        ["Cpumaps"] = 2,
        ["UserMemories"] = 2,
        ["Memory"] = 1,
        ["Frames"] = 1,
        ["Faults"] = 0,
    };

    /// <summary>Folders that a file names through its usings or a full name.</summary>
    internal static IEnumerable<Violation> CheckNamespaces(SourceFile file)
    {
        if (!file.IsCSharp || LayerOf(file) is not { } layer)
        {
            yield break;
        }

        if (!Ranks.ContainsKey(layer))
        {
            yield return file.At(1, $"folder {layer} has no place in the order of src/DataPlane");
            yield break;
        }

        foreach (Match match in DataPlaneNamespace().Matches(file.Text))
        {
            string target = match.Groups[1].Value;
            if (Ranks.ContainsKey(target) && !MayName(layer, target))
            {
                yield return file.At(file.LineAt(match.Index), $"{layer} must not know {target}");
            }
        }
    }

    /// <summary>
    /// Types of the root folder (Program, Worker), which no using names since theirs is the enclosing namespace:
    /// looked for wherever a type can stand in the files of the folders below.
    /// </summary>
    internal static IEnumerable<Violation> CheckRootTypes(IReadOnlyList<SourceFile> files)
    {
        List<SourceFile> sources = [.. files.Where(f => f.IsCSharp && LayerOf(f) is not null)];
        var layerOfType = new Dictionary<string, string>();
        foreach (SourceFile file in sources.Where(f => LayerOf(f) is "Program" or "Worker"))
        {
            foreach (var type in file.Syntax.DescendantNodes().OfType<BaseTypeDeclarationSyntax>())
            {
                layerOfType[type.Identifier.Text] = LayerOf(file)!;
            }
        }

        foreach (SourceFile file in sources)
        {
            string layer = LayerOf(file)!;
            foreach (IdentifierNameSyntax name in file.Syntax.DescendantNodes().OfType<IdentifierNameSyntax>())
            {
                if (IsTypePosition(name) && layerOfType.TryGetValue(name.Identifier.Text, out string? target) &&
                    !MayName(layer, target))
                {
                    yield return file.At(name, $"{layer} must not know {name.Identifier.Text} of {target}");
                }
            }
        }
    }

    private static bool MayName(string layer, string target) =>
        layer == target || Ranks.GetValueOrDefault(target) < Ranks.GetValueOrDefault(layer, int.MaxValue);

    private static string? LayerOf(SourceFile file)
    {
        if (!file.Path.StartsWith(Root, StringComparison.Ordinal))
        {
            return null;
        }

        string[] parts = file.Path[Root.Length..].Split('/');
        if (parts.Length > 1)
        {
            return parts[0] == "Workers" ? "Worker" : parts[0];
        }

        return file.Name.StartsWith("Worker", StringComparison.Ordinal) ? "Worker" : "Program";
    }

    private static bool IsTypePosition(IdentifierNameSyntax name) => name.Parent switch
    {
        ParameterSyntax parameter => parameter.Type == name,
        VariableDeclarationSyntax declaration => declaration.Type == name,
        ObjectCreationExpressionSyntax creation => creation.Type == name,
        BasePropertyDeclarationSyntax property => property.Type == name,
        MethodDeclarationSyntax method => method.ReturnType == name,
        BaseTypeSyntax or TypeArgumentListSyntax or ArrayTypeSyntax or NullableTypeSyntax => true,
        CastExpressionSyntax => true,
        _ => false,
    };

    [GeneratedRegex(@"\b" + Namespace + @"\.(\w+)\b")]
    private static partial Regex DataPlaneNamespace();
}
