using System.Globalization;

namespace Nf.EndToEnd.Tests.Support.Guests;

/// <summary>Huge pages of 2 MiB that were asked of the machine, and a file system of them; given back at the
/// end.</summary>
internal sealed class HugePageMount : IAsyncDisposable
{
    private const string Setting = "/proc/sys/vm/nr_hugepages";

    private readonly int _before;

    private HugePageMount(string folder, int before)
    {
        Folder = folder;
        _before = before;
    }

    /// <summary>Where it is mounted.</summary>
    internal string Folder { get; }

    /// <summary>Asks for so many more pages; they are there, or this throws.</summary>
    internal static async Task<HugePageMount> TakeAsync(int count)
    {
        int before = await ReadAsync();
        var pages = new HugePageMount(Directory.CreateTempSubdirectory("nf-e2e-huge-").FullName, before);
        try
        {
            await File.WriteAllTextAsync(Setting, (before + count).ToString(CultureInfo.InvariantCulture));
            int got = await ReadAsync() - before;
            if (got < count)
            {
                throw new InvalidOperationException($"{got} of {count} huge pages; memory is too scattered");
            }

            await Shell.RunAsync("mount", "-t", "hugetlbfs", "none", pages.Folder);
            return pages;
        }
        catch
        {
            await pages.DisposeAsync();
            throw;
        }
    }

    public async ValueTask DisposeAsync()
    {
        await Shell.TryAsync("umount", Folder);
        Directory.Delete(Folder);
        await File.WriteAllTextAsync(Setting, _before.ToString(CultureInfo.InvariantCulture));
    }

    private static async Task<int> ReadAsync() =>
        int.Parse(await File.ReadAllTextAsync(Setting), CultureInfo.InvariantCulture);
}
