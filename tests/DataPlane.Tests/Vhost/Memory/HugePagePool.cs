namespace Nf.DataPlane.Tests.Vhost.Memory;

/// <summary>Makes sure that some huge pages of 2 MiB are free where that can be done, and gives back what it
/// took.</summary>
internal sealed class HugePagePool : IDisposable
{
    private const string Folder = "/sys/kernel/mm/hugepages/hugepages-2048kB";
    private const string GigabyteFolder = "/sys/kernel/mm/hugepages/hugepages-1048576kB";
    private readonly int _added;

    internal HugePagePool(int count)
    {
        if (!Directory.Exists(Folder) || !Environment.IsPrivilegedProcess)
        {
            return;
        }

        if (Read("free_hugepages") < count)
        {
            Write(Read("nr_hugepages") + count);
            _added = count;
        }

        IsFilled = Read("free_hugepages") >= count;
    }

    /// <summary>Whether there are that many; not everywhere is memory contiguous enough, or ours to ask for.</summary>
    internal bool IsFilled { get; }

    /// <summary>Pages of 2 MiB that nobody uses or has reserved.</summary>
    internal static int Free => Directory.Exists(Folder) ? Read("free_hugepages") - Read("resv_hugepages") : 0;

    /// <summary>Pages of 1 GiB that nobody uses.</summary>
    internal static int FreeGigabytes => Directory.Exists(GigabyteFolder)
        ? int.Parse(File.ReadAllText($"{GigabyteFolder}/free_hugepages"))
        : 0;

    public void Dispose()
    {
        if (_added > 0)
        {
            Write(Math.Max(0, Read("nr_hugepages") - _added));
        }
    }

    private static int Read(string file) => int.Parse(File.ReadAllText($"{Folder}/{file}"));

    private static void Write(int count) => File.WriteAllText($"{Folder}/nr_hugepages", count.ToString());
}
