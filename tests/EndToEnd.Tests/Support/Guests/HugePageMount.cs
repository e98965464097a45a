namespace Nf.EndToEnd.Tests.Support.Guests;

/// <summary>Huge pages of 2 MiB, and a file system of them for a front-end; both are given back.</summary>
internal sealed class HugePageMount : IAsyncDisposable
{
    private readonly HugePages _pages;

    private HugePageMount(HugePages pages, string folder)
    {
        _pages = pages;
        Folder = folder;
    }

    /// <summary>Where it is mounted.</summary>
    internal string Folder { get; }

    /// <summary>Mounts a file system with so many free pages; they are there, or this throws.</summary>
    internal static async Task<HugePageMount> TakeAsync(int count)
    {
        var pages = new HugePages(count);
        var mount = new HugePageMount(pages, Directory.CreateTempSubdirectory("nf-e2e-huge-").FullName);
        try
        {
            await Shell.RunAsync("mount", "-t", "hugetlbfs", "none", mount.Folder);
            return mount;
        }
        catch
        {
            await mount.DisposeAsync();
            throw;
        }
    }

    public async ValueTask DisposeAsync()
    {
        await Shell.TryAsync("umount", Folder);
        Directory.Delete(Folder);
        _pages.Dispose();
    }
}
