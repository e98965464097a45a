namespace Nf.Ctl.Completion;

/// <summary>Names this machine has, for shell completion.</summary>
internal static class LocalNames
{
    internal static IEnumerable<string> Interfaces() => EntriesOf("/sys/class/net");

    internal static IEnumerable<string> Namespaces() => EntriesOf(Parsing.Namespaces.Folder);

    private static IEnumerable<string> EntriesOf(string folder)
    {
        try
        {
            return [.. Directory.EnumerateFileSystemEntries(folder).Select(Path.GetFileName).OfType<string>().Order()];
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return [];
        }
    }
}
