using Nf.Linux;

namespace Nf.DataPlane.Tests.Vhost.Memory;

/// <summary>Files with a name of their own, so that descriptors and mappings of them can be counted whatever other
/// tests do.</summary>
internal sealed class Leaks
{
    private readonly string _name = $"leak-{Guid.NewGuid():N}";

    /// <summary>A file of that name.</summary>
    internal FileDescriptor File(long length, MemFileOptions options = default) =>
        MemFile.Create(_name, length, options);

    /// <summary>How many descriptors of such files are open.</summary>
    internal int Descriptors => Directory.EnumerateFiles("/proc/self/fd").Count(IsOurs);

    /// <summary>How many mappings of such files there are.</summary>
    internal int Mappings =>
        System.IO.File.ReadLines("/proc/self/maps").Count(line => line.Contains(_name, StringComparison.Ordinal));

    /// <summary>Fails when anything is left.</summary>
    internal void AssertNone() => Assert.Equal((0, 0), (Descriptors, Mappings));

    private bool IsOurs(string path)
    {
        try
        {
            return System.IO.File.ResolveLinkTarget(path, returnFinalTarget: false)?.Name
                .Contains(_name, StringComparison.Ordinal) == true;
        }
        catch (IOException)
        {
            // Closed by another test between the listing and the look.
            return false;
        }
    }
}
