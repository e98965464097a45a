namespace Nf.DataPlane.VhostFuzz;

/// <summary>Inputs in files: those that the known front-ends send, one to a file, and those that were found, all in
/// one.</summary>
internal static class Corpus
{
    /// <summary>Inputs that a file of found ones holds at most: an arbitrary limit, so that it stays one that a person
    /// may look at, and that a short run gets through.</summary>
    internal const int FoundMax = 256;

    private const string Between = "\n\n";

    /// <summary>The inputs of a folder and the folders in it.</summary>
    internal static IEnumerable<string> Read(string folder) =>
        Directory.GetFiles(folder, "*.txt", SearchOption.AllDirectories).Order(StringComparer.Ordinal)
            .SelectMany(Split);

    /// <summary>Writes inputs, evenly chosen where they are too many, together with those that were there.</summary>
    internal static void Write(string file, IReadOnlyList<string> inputs)
    {
        IEnumerable<string> old = File.Exists(file) ? Split(file) : [];
        string[] all = [.. old.Concat(inputs).Select(input => input.TrimEnd('\n')).Distinct()];
        double step = Math.Max(1, all.Length / (double)FoundMax);
        IEnumerable<string> chosen =
            Enumerable.Range(0, Math.Min(all.Length, FoundMax)).Select(i => all[(int)(i * step)]);
        File.WriteAllText(file, string.Join(Between, chosen) + "\n");
    }

    private static string[] Split(string file) =>
        File.ReadAllText(file).Split(Between, StringSplitOptions.RemoveEmptyEntries);
}
