using Nf.Tidy.Tests.Rules;

namespace Nf.Tidy.Tests;

/// <summary>Every rule of CONTRIBUTING.md, applied to the whole tree.</summary>
public class RepositoryTests
{
    [Fact]
    public void Files_WholeTree_FitTheirLengths() => Repository.AssertHolds(LengthRules.FileLength);

    [Fact]
    public void Methods_WholeTree_FitAScreen() => Repository.AssertHolds(LengthRules.MethodLength);

    [Fact]
    public void Lines_WholeTree_FitTheirColumns() => Repository.AssertHolds(LengthRules.LineLength);

    [Fact]
    public void UnsafeSteps_Sources_SayWhyTheyHold() => Repository.AssertHolds(SafetyRule.Check);

    [Fact]
    public void Leftovers_WholeTree_None() => Repository.AssertHolds(BannedTextRules.Leftovers);

    [Fact]
    public void ForeignFunctions_OutsideLinux_None() => Repository.AssertHolds(BannedTextRules.ForeignFunctions);

    [Fact]
    public void AsyncVoid_WholeTree_None() => Repository.AssertHolds(BannedTextRules.AsyncVoid);

    [Fact]
    public void Sleeps_WholeTree_None() => Repository.AssertHolds(BannedTextRules.Sleeps);

    [Fact]
    public void Regions_WholeTree_None() => Repository.AssertHolds(BannedTextRules.Regions);

    [Fact]
    public void MachinePaths_WholeTree_None() => Repository.AssertHolds(BannedTextRules.MachinePaths);

    [Fact]
    public void PackageFeeds_WholeTree_None() => Repository.AssertHolds(BannedTextRules.PackageFeeds);

    [Fact]
    public void Scripts_WholeTree_StrictAndExecutable() => Repository.AssertHolds(ShellRule.Check);

    [Fact]
    public void ProjectReferences_WholeTree_PointDown() => Repository.AssertHolds(ProjectRule.Check);

    [Fact]
    public void Namespaces_AcrossProjects_PointDown() => Repository.AssertHolds(ProjectRule.CheckNamespaces);

    [Fact]
    public void Namespaces_InsideDataPlane_PointDown() => Repository.AssertHolds(LayerRule.CheckNamespaces);

    [Fact]
    public void RootTypes_InsideDataPlane_PointDown()
    {
        List<Violation> found = [.. LayerRule.CheckRootTypes(Repository.Files)];
        Assert.True(found.Count == 0, string.Join('\n', found));
    }

    [Fact]
    public void TestClasses_ThatNeedPrivileges_HaveATier()
    {
        List<Violation> found = [.. TierRule.Check(Repository.Files)];
        Assert.True(found.Count == 0, string.Join('\n', found));
    }

    // A walk that finds nothing would pass every rule.
    [Theory]
    [InlineData("README.md")]
    [InlineData("src/Linux/Linux.csproj")]
    [InlineData("protos/nf/v1/umem.proto")]
    [InlineData("tests/Tidy.Tests/RepositoryTests.cs")]
    public void Walk_KnownFile_IsFound(string path) => Assert.Contains(Repository.Files, f => f.Path == path);
}
