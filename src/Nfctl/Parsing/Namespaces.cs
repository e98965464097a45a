using Nf.V1;

namespace Nf.Ctl.Parsing;

/// <summary>Network namespaces as <c>ip netns</c> names them, as paths, or by a process.</summary>
internal static class Namespaces
{
    /// <summary>Where <c>ip netns add</c> puts namespaces.</summary>
    internal const string Folder = "/run/netns";

    private const string PidPrefix = "pid:";

    /// <summary><c>blue</c> (under /run/netns), <c>/proc/1234/ns/net</c>, or <c>pid:1234</c>.</summary>
    /// <exception cref="FormatException">None of these.</exception>
    internal static NetworkNamespace Parse(string text)
    {
        if (text.StartsWith(PidPrefix, StringComparison.Ordinal))
        {
            uint pid = Numbers.UInt32(text[PidPrefix.Length..]);
            return pid > 0 ? new NetworkNamespace { Pid = pid } : throw new FormatException("pid 0 is no process");
        }

        if (text.Length == 0 || text is "." or "..")
        {
            throw new FormatException($"'{text}' is no network namespace; give a name, a path or pid:N");
        }

        // The data plane opens the path, and its working directory is not the caller's.
        string path = text.Contains('/', StringComparison.Ordinal) ? Path.GetFullPath(text) : $"{Folder}/{text}";
        return new NetworkNamespace { Path = path };
    }

    /// <summary>A namespace for people; "-" for that of the data plane.</summary>
    internal static string Format(NetworkNamespace? space)
    {
        return space?.ByCase switch
        {
            NetworkNamespace.ByOneofCase.Path when space.Path.StartsWith(Folder + "/", StringComparison.Ordinal) =>
                space.Path[(Folder.Length + 1)..],
            NetworkNamespace.ByOneofCase.Path => space.Path,
            NetworkNamespace.ByOneofCase.Pid => $"{PidPrefix}{space.Pid}",
            _ => "-",
        };
    }
}
