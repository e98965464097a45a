namespace Nf.Ctl.Parsing;

/// <summary>Files that are named on the command line.</summary>
internal static class Files
{
    // Arbitrary: more than any request may have, so that a wrong file is refused before it fills the memory.
    private const long BytesMax = 64 << 20;

    /// <summary>The text of a file.</summary>
    /// <exception cref="FormatException">It cannot be read.</exception>
    internal static string ReadText(string path) => Read(path, File.ReadAllText);

    /// <summary>The bytes of a file.</summary>
    /// <exception cref="FormatException">It cannot be read.</exception>
    internal static byte[] ReadBytes(string path) => Read(path, File.ReadAllBytes);

    private static T Read<T>(string path, Func<string, T> read)
    {
        try
        {
            return new FileInfo(path) is { Exists: true, Length: > BytesMax }
                ? throw new FormatException($"{path} has more than {BytesMax >> 20} MiB")
                : read(path);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or ArgumentException
            or NotSupportedException)
        {
            throw new FormatException($"{path}: {e.Message}", e);
        }
    }
}
