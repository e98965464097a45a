using Microsoft.CodeAnalysis.CSharp.Syntax;

namespace Nf.Tidy.Tests.Rules;

/// <summary>
/// A test class that needs privileges says so: it carries the trait Tier, so that <c>test.sh --unit</c> leaves it out.
/// What needs them is a lab of network namespaces, and whatever type of the same test project mentions one.
/// </summary>
internal static class TierRule
{
    private static readonly string[] Labs = ["VethLab", "VethPair", "TestNamespace", "NetSpace"];

    private static readonly string[] Tests = ["Fact", "Theory", "KernelFact", "KernelTheory"];

    internal static IEnumerable<Violation> Check(IReadOnlyList<SourceFile> files) => files
        .Where(file => file.IsCSharp && file.IsUnder("tests") && file.Path.Count(c => c == '/') >= 2)
        .GroupBy(file => file.Path.Split('/')[1])
        .SelectMany(project => CheckProject([.. project.SelectMany(Types)]));

    private static IEnumerable<Violation> CheckProject(IReadOnlyList<TestType> types)
    {
        ILookup<string, TestType> parts = types.ToLookup(type => type.Name);
        HashSet<string> privileged = [.. Labs];
        bool grew;
        do
        {
            grew = false;
            foreach (TestType type in types.Where(t => !t.HasTests && t.Mentions.Overlaps(privileged)))
            {
                grew |= privileged.Add(type.Name);
            }
        }
        while (grew);

        return types
            .Where(type => type.HasTests && type.Mentions.Overlaps(privileged))
            .Where(type => !parts[type.Name].Any(part => part.HasTier))
            .Select(type => type.File.At(type.Syntax, $"{type.Name} uses "
                + $"{string.Join(", ", type.Mentions.Intersect(privileged).Order())} and has no trait Tier"));
    }

    private static IEnumerable<TestType> Types(SourceFile file) => file.Syntax.DescendantNodes()
        .OfType<TypeDeclarationSyntax>()
        .Where(type => type.Parent is BaseNamespaceDeclarationSyntax or CompilationUnitSyntax)
        .Select(type => new TestType(
            file,
            type,
            type.Identifier.ValueText,
            [.. type.DescendantNodes().OfType<SimpleNameSyntax>().Select(name => name.Identifier.ValueText)],
            type.Members.OfType<MethodDeclarationSyntax>().Any(
                method => Attributes(method.AttributeLists).Any(a => Tests.Contains(a.Name.ToString()))),
            Attributes(type.AttributeLists).Any(
                a => a.ToString().StartsWith("Trait(\"Tier\"", StringComparison.Ordinal))));

    private static IEnumerable<AttributeSyntax> Attributes(IEnumerable<AttributeListSyntax> lists) =>
        lists.SelectMany(list => list.Attributes);

    private sealed record TestType(
        SourceFile File, TypeDeclarationSyntax Syntax, string Name, HashSet<string> Mentions, bool HasTests,
        bool HasTier);
}
