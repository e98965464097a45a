using Nf.Tidy.Tests.Rules;

namespace Nf.Tidy.Tests;

/// <summary>Each rule finds what it is there to find, and lets its good twin pass.</summary>
public class BadSampleTests
{
    private const UnixFileMode Executable = UnixFileMode.UserRead | UnixFileMode.UserExecute;

    [Theory]
    [InlineData(400, 0)]
    [InlineData(401, 1)]
    public void FileLength_AtTheLimit_Counts(int lines, int violations) =>
        Assert.Equal(violations, LengthRules.FileLength(File("src/Linux/A.cs", Repeat("// x\n", lines))).Count());

    [Theory]
    [InlineData(67, 0)]
    [InlineData(68, 1)]
    public void MethodLength_AtTheLimit_Counts(int statements, int violations)
    {
        // The head and two braces make three more lines.
        string text = "class A\n{\nvoid M()\n{\n" + Repeat("N();\n", statements) + "}\n}\n";

        Assert.Equal(violations, LengthRules.MethodLength(File("src/Linux/A.cs", text)).Count());
    }

    [Theory]
    [InlineData(120, 0)]
    [InlineData(121, 1)]
    public void LineLength_AtTheLimit_Counts(int columns, int violations) =>
        Assert.Equal(violations, LengthRules.LineLength(File("a.sh", new string('#', columns))).Count());

    [Theory]
    [InlineData("class A { int M() { unsafe { return 1; } } }")]
    [InlineData("class A { unsafe int M(int* p) => Libc.call(p); }")]
    [InlineData("unsafe class A { int M(int* p) { return *p; } }")]
    [InlineData("unsafe class A { int M(B* p) { return p->X; } }")]
    [InlineData("unsafe class A { int P => *_p; }")]
    [InlineData("unsafe class A { int M() { int x; return Libc.call(&x); } }")]
    [InlineData("unsafe class A { int P { get { return *_p; } } }")]
    [InlineData("unsafe class A { A(byte[] b) { fixed (byte* p = b) { Libc.call(p); } } }")]
    [InlineData("class A { ref int M(ref int x) => ref Unsafe.Add(ref x, 1); }")]
    [InlineData("// SAFETY: above the type\nunsafe class A { int M(int* p)\n{ return *p; } }")]
    public void Safety_StepWithoutReason_IsFound(string text) =>
        Assert.Single(SafetyRule.Check(File("src/Linux/A.cs", text)));

    [Theory]
    [InlineData("class A { int M(int x, int y) => x * y & x; }")]
    [InlineData("unsafe class A { int* _p; int* P => _p; }")]
    [InlineData("partial class A { [X] static unsafe partial int call(int* p); }")]
    [InlineData("class A { int M() {\n// SAFETY: nothing happens.\nunsafe { return 1; } } }")]
    [InlineData("unsafe class A {\n// SAFETY: p is ours.\nint M(int* p) { return *p; } }")]
    [InlineData("// SAFETY: _p lives as long as this object.\nunsafe class A { int P => *_p; }")]
    [InlineData("unsafe class A {\n// SAFETY: mapped until Dispose.\nint* _p;\nint M()\n{ return *_p + _q->X.Y; } }")]
    public void Safety_NoStepOrAReason_Passes(string text) =>
        Assert.Empty(SafetyRule.Check(File("src/Linux/A.cs", text)));

    public static TheoryData<string, string, string> BannedTexts => new()
    {
        { "leftover", "src/Linux/A.cs", "// TODO: later" },
        { "leftover", "run.sh", "# FIXME" },
        { "foreign", "src/DataPlane/A.cs", "[LibraryImport(\"libc\")]" },
        { "foreign", "tests/Linux.Tests/A.cs", "[System.Runtime.InteropServices.DllImport(\"libc\")]" },
        { "async void", "src/NfService/A.cs", "private async void M()" },
        { "sleep", "tests/Linux.Tests/A.cs", "Thread.Sleep(1);" },
        { "region", "src/NfService/A.cs", "  #region Fields" },
        { "path", "docs/a.md", "see /work/main/run.sh" },
        { "path", "src/Linux/A.cs", "\"/root/.nuget\"" },
        { "path", "run.sh", "cd /home/somebody/nf" },
        { "feed", "NuGet.config", "https://api.nuget.org/v3/index.json" },
        { "feed", "package.json", "https://registry.npmjs.org/buf" },
    };

    [Theory]
    [MemberData(nameof(BannedTexts))]
    public void BannedText_Present_IsFound(string rule, string path, string text) =>
        Assert.Single(RuleNamed(rule)(File(path, text)));

    [Theory]
    [InlineData("leftover", "docs/a.md", "no TODO stays")]
    [InlineData("foreign", "src/Linux/Libc.cs", "[LibraryImport(\"libc\")]")]
    [InlineData("path", "src/Linux/A.cs", "\"/proc/self/root/etc\" \"$dir/work/x\" \"~/work/\"")]
    public void BannedText_WhereAllowed_Passes(string rule, string path, string text) =>
        Assert.Empty(RuleNamed(rule)(File(path, text)));

    [Theory]
    [InlineData("#!/bin/sh\nset -euo pipefail\n", true, 1)]
    [InlineData("#!/usr/bin/env bash\nset -e\n", true, 1)]
    [InlineData("#!/usr/bin/env bash\nset -euo pipefail\n", false, 1)]
    [InlineData("echo\n", false, 3)]
    [InlineData("#!/usr/bin/env bash\nset -euo pipefail\n", true, 0)]
    [InlineData("# shellcheck shell=bash\necho\n", false, 0)]
    public void Shell_Script_IsJudged(string text, bool executable, int violations) => Assert.Equal(
        violations,
        ShellRule.Check(new SourceFile("eng/a.sh", text, executable ? Executable : UnixFileMode.UserRead)).Count());

    [Theory]
    [InlineData("src/Nfctl/Nfctl.csproj", "../NfService/NfService.csproj", 1)]
    [InlineData("src/Linux/Linux.csproj", "../SharedMemory/SharedMemory.csproj", 1)]
    [InlineData("src/NfService/NfService.csproj", "../DataPlane/DataPlane.csproj", 1)]
    [InlineData("src/New/New.csproj", "../Linux/Linux.csproj", 1)]
    [InlineData("tests/EndToEnd.Tests/EndToEnd.Tests.csproj", "../../src/DataPlane/DataPlane.csproj", 1)]
    [InlineData("compat/Grpc.Core.Api/Grpc.Core.Api.csproj", "../../src/Linux/Linux.csproj", 1)]
    [InlineData("tests/DataPlane.Tests/DataPlane.Tests.csproj", "../../src/DataPlane/DataPlane.csproj", 0)]
    [InlineData("src/NfService/NfService.csproj", "..\\..\\compat\\Grpc.Core.Api\\Grpc.Core.Api.csproj", 0)]
    [InlineData("src/DataPlane/DataPlane.csproj", "../Linux/Linux.csproj", 0)]
    public void Project_Reference_IsJudged(string path, string include, int violations) => Assert.Equal(
        violations,
        ProjectRule.Check(File(path, $"<Project><I><ProjectReference Include=\"{include}\" /></I></Project>")).Count());

    [Fact]
    public void Project_UnsafeWhereNotNeeded_IsFound()
    {
        const string text = "<Project><P><AllowUnsafeBlocks>true</AllowUnsafeBlocks></P></Project>";

        Assert.Single(ProjectRule.Check(File("src/Keeper/Keeper.csproj", text)));
        Assert.Empty(ProjectRule.Check(File("src/Linux/Linux.csproj", text)));
    }

    [Theory]
    [InlineData("src/NfService/A.cs", "using Nf.DataPlane.Memory;", 1)]
    [InlineData("src/Nfctl/A.cs", "using Nf.Linux;", 1)]
    [InlineData("src/Linux/A.cs", "var x = new Nf.SharedMemory.Rings.RingSize(1);", 1)]
    [InlineData("src/NfService/A.cs", "using Nf.SharedMemory;", 0)]
    [InlineData("tests/Linux.Tests/A.cs", "using Nf.DataPlane;", 0)]
    public void Namespace_AcrossProjects_IsJudged(string path, string text, int violations) =>
        Assert.Equal(violations, ProjectRule.CheckNamespaces(File(path, text)).Count());

    [Theory]
    [InlineData("src/DataPlane/Memory/A.cs", "using Nf.DataPlane.Ports;", 1)]
    [InlineData("src/DataPlane/Xdp/A.cs", "using Nf.DataPlane.Forwarding;", 1)]
    [InlineData("src/DataPlane/WorkerInbox.cs", "using Nf.DataPlane.Control;", 1)]
    [InlineData("src/DataPlane/Ports/A.cs", "global::Nf.DataPlane.Control.B.C();", 1)]
    [InlineData("src/DataPlane/Misc/A.cs", "", 1)]
    [InlineData("src/DataPlane/Ports/A.cs", "namespace Nf.DataPlane.Ports;", 0)]
    [InlineData("src/DataPlane/Program.cs", "using Nf.DataPlane.Control;", 0)]
    [InlineData("src/DataPlane/Worker.cs", "using Nf.DataPlane.Ports;", 0)]
    public void Namespace_InsideDataPlane_IsJudged(string path, string text, int violations) =>
        Assert.Equal(violations, LayerRule.CheckNamespaces(File(path, text)).Count());

    [Theory]
    [InlineData("src/DataPlane/Ports/A.cs", 1)]
    [InlineData("src/DataPlane/Control/A.cs", 0)]
    public void RootType_NamedInAFolder_IsJudged(string path, int violations)
    {
        SourceFile worker = File("src/DataPlane/Worker.cs", "namespace Nf.DataPlane; class Worker { }");
        SourceFile user = File(path, "class A { void M(Worker w) { int Worker = 1; } }");

        Assert.Equal(violations, LayerRule.CheckRootTypes([worker, user]).Count());
    }

    [Theory]
    [InlineData("class A { [Fact] void M() { VethLab.Create(); } }", 1)]
    [InlineData("class A { [Theory] void M() { Helper.Get(); } }", 1)]
    [InlineData("class A { [Fact] void M() { Far.Get(); } }", 1)]
    [InlineData("[Trait(\"Tier\", \"kernel\")] class A { [Fact] void M() { VethLab.Create(); } }", 0)]
    [InlineData("[Trait(\"Tier\", \"e2e\")] partial class A { } partial class A { [Fact] void M(Far f) { } }", 0)]
    [InlineData("class A { void NoTest() { VethLab.Create(); } }", 0)]
    [InlineData("class A { [Fact] void M() { Harmless.Get(); } }", 0)]
    public void Tier_OfATestThatReachesALab_IsAskedFor(string text, int violations)
    {
        SourceFile helper = File("tests/X.Tests/Support/Helper.cs", "class Helper { VethLab _l; } class Harmless { }");
        SourceFile far = File("tests/X.Tests/Far.cs", "class Far { Helper _helper; }");
        SourceFile other = File("tests/Y.Tests/A.cs", "class B { [Fact] void M() { Helper.Get(); } }");

        Assert.Equal(violations, TierRule.Check([File("tests/X.Tests/A.cs", text), helper, far, other]).Count());
    }

    private static Func<SourceFile, IEnumerable<Violation>> RuleNamed(string rule) => rule switch
    {
        "leftover" => BannedTextRules.Leftovers,
        "foreign" => BannedTextRules.ForeignFunctions,
        "async void" => BannedTextRules.AsyncVoid,
        "sleep" => BannedTextRules.Sleeps,
        "region" => BannedTextRules.Regions,
        "path" => BannedTextRules.MachinePaths,
        "feed" => BannedTextRules.PackageFeeds,
        _ => throw new ArgumentOutOfRangeException(nameof(rule), rule, null),
    };

    private static SourceFile File(string path, string text) => new(path, text);

    private static string Repeat(string line, int times) => string.Concat(Enumerable.Repeat(line, times));
}
