[assembly: System.Runtime.Versioning.SupportedOSPlatform("linux")]

namespace Nf.Tidy.Tests;

/// <summary>The files of the tree this test was built from, without what builds and tools leave in it.</summary>
internal static class Repository
{
    private static readonly HashSet<string> SkippedFolders =
        [".git", "artifacts", "bin", "obj", "out", "node_modules", "TestResults", "__pycache__", ".vs", ".vscode"];

    private static readonly HashSet<string> BinaryExtensions = [".snk", ".png", ".ico", ".bin", ".o", ".pcap", ".gz"];

    private static readonly Lazy<IReadOnlyList<SourceFile>> Loaded = new(Load);

    internal static string Root { get; } = FindRoot();

    internal static IReadOnlyList<SourceFile> Files => Loaded.Value;

    /// <summary>Applies a rule to every file and fails with the whole list of what it found.</summary>
    internal static void AssertHolds(Func<SourceFile, IEnumerable<Violation>> rule)
    {
        Assert.NotEmpty(Files);
        List<Violation> found = [.. Files.SelectMany(rule)];
        Assert.True(found.Count == 0, $"{found.Count} violations:\n" + string.Join('\n', found));
    }

    private static string FindRoot()
    {
        for (DirectoryInfo? at = new(AppContext.BaseDirectory); at is not null; at = at.Parent)
        {
            if (File.Exists(Path.Combine(at.FullName, "NfService.sln")))
            {
                return at.FullName;
            }
        }

        throw new InvalidOperationException($"no NfService.sln above {AppContext.BaseDirectory}");
    }

    private static List<SourceFile> Load()
    {
        var files = new List<SourceFile>();
        Add(new DirectoryInfo(Root), files);
        files.Sort((x, y) => string.CompareOrdinal(x.Path, y.Path));
        return files;
    }

    private static void Add(DirectoryInfo folder, List<SourceFile> files)
    {
        foreach (FileInfo file in folder.EnumerateFiles())
        {
            // Sockets and links that a running program left are not sources.
            if (file.LinkTarget is null && !BinaryExtensions.Contains(file.Extension) && file.Length > 0)
            {
                string path = Path.GetRelativePath(Root, file.FullName).Replace('\\', '/');
                files.Add(new SourceFile(path, File.ReadAllText(file.FullName), File.GetUnixFileMode(file.FullName)));
            }
        }

        foreach (DirectoryInfo child in folder.EnumerateDirectories())
        {
            if (!SkippedFolders.Contains(child.Name) && child.LinkTarget is null)
            {
                Add(child, files);
            }
        }
    }
}
