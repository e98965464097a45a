namespace Nf.DataPlane.Broker;

/// <summary>The policy in force: that of a file, read again when the file changes. What cannot be read changes
/// nothing.</summary>
internal sealed class PolicyFile
{
    private readonly string? _path;
    private (DateTime Time, long Bytes)? _seen;

    /// <param name="path">The file; null for none.</param>
    /// <param name="ownUid">The data plane's own user.</param>
    internal PolicyFile(string? path, uint ownUid)
    {
        _path = path;
        Policy = BrokerPolicy.Default(ownUid);
    }

    /// <summary>The policy in force: the default one until a file was read.</summary>
    internal BrokerPolicy Policy { get; private set; }

    /// <summary>Reads the file if it changed, or always.</summary>
    /// <param name="always">Whether it is read even if it looks the same (SIGHUP).</param>
    /// <param name="what">What came of it, for people: rules that are in force, or every fault.</param>
    /// <returns>Null when there was nothing to read; else whether it is in force.</returns>
    internal bool? Refresh(bool always, out string what)
    {
        what = "";
        if (_path is null)
        {
            return null;
        }

        try
        {
            var info = new FileInfo(_path);
            (DateTime, long) now = info.Exists ? (info.LastWriteTimeUtc, info.Length) : default;
            if (!always && _seen == now)
            {
                return null;
            }

            _seen = now;
            if (info.Exists && info.Length > PolicyReader.FileBytesMax)
            {
                what = $"{_path}: {info.Length} bytes, at most {PolicyReader.FileBytesMax}";
                return false;
            }

            IReadOnlyList<string> faults = PolicyReader.Read(File.ReadAllText(_path), out BrokerPolicy? read);
            if (read is null)
            {
                what = $"{_path}: {string.Join("; ", faults)}";
                return false;
            }

            Policy = read;
            what = $"{_path}: {read.Rules.Count} rules";
            return true;
        }
        catch (Exception unreadable) when (unreadable is IOException or UnauthorizedAccessException)
        {
            what = unreadable.Message;
            return false;
        }
    }
}
