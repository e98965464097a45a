using Nf.Linux;

namespace Nf.DataPlane.Tests.Vhost.Protocol.Support;

/// <summary>
/// Knows certain open files by what they are, not by their numbers, and tells how often each is open or mapped in this
/// process: other tests open and close files of their own meanwhile.
/// </summary>
internal sealed class DescriptorWatch
{
    private readonly HashSet<string> _watched = [];

    /// <summary>Watches the file behind a descriptor.</summary>
    internal void Add(FileDescriptor descriptor) => _watched.Add(KeyOf(Path.GetFileName(descriptor.OwnPath))!);

    /// <summary>Descriptors of watched files that are open now.</summary>
    internal IReadOnlyList<string> Open() =>
    [
        .. Directory.EnumerateFiles("/proc/self/fd")
            .Select(entry => KeyOf(Path.GetFileName(entry)))
            .OfType<string>()
            .Where(_watched.Contains)
    ];

    /// <summary>Mappings of watched files.</summary>
    internal int Mapped() => File.ReadLines("/proc/self/maps")
        .Select(line => line.Split(' ', StringSplitOptions.RemoveEmptyEntries))
        .Count(fields => fields.Length > 5 && _watched.Contains($"ino {fields[4]}"));

    /// <summary>Whether a watched file is open anywhere without close-on-exec.</summary>
    internal bool AnyInheritable() => Directory.EnumerateFiles("/proc/self/fd")
        .Select(entry => Path.GetFileName(entry))
        .Any(number => KeyOf(number) is { } key && _watched.Contains(key) && !IsCloseOnExec(number));

    // Every eventfd has the same inode, but a number of its own.
    private static string? KeyOf(string number)
    {
        string? inode = null;
        foreach (string line in Info(number))
        {
            if (line.StartsWith("eventfd-id:", StringComparison.Ordinal))
            {
                return $"eventfd {line["eventfd-id:".Length..].Trim()}";
            }

            if (line.StartsWith("ino:", StringComparison.Ordinal))
            {
                inode = $"ino {line["ino:".Length..].Trim()}";
            }
        }

        return inode;
    }

    private static bool IsCloseOnExec(string number)
    {
        const int CloseOnExec = 0x80000;
        string? flags = Info(number).FirstOrDefault(line => line.StartsWith("flags:", StringComparison.Ordinal));
        return flags is null || (Convert.ToInt32(flags["flags:".Length..].Trim(), 8) & CloseOnExec) != 0;
    }

    private static string[] Info(string number)
    {
        try
        {
            return File.ReadAllLines($"/proc/self/fdinfo/{number}");
        }
        catch (IOException)
        {
            return []; // closed by another test between the listing and the look
        }
    }
}
