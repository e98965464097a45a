namespace Nf.EndToEnd.Tests.Support;

/// <summary>Makes sure that some huge pages of 2 MiB are free, and gives back what it took.</summary>
internal sealed class HugePages : IDisposable
{
    private const string Folder = "/sys/kernel/mm/hugepages/hugepages-2048kB";
    private readonly int _added;

    internal HugePages(int count)
    {
        if (Read("free_hugepages") < count)
        {
            Write(Read("nr_hugepages") + count);
            _added = count;
        }

        Assert.True(Read("free_hugepages") >= count, "the kernel could not provide huge pages");
    }

    public void Dispose()
    {
        if (_added > 0)
        {
            Write(Math.Max(0, Read("nr_hugepages") - _added));
        }
    }

    private static int Read(string file) => int.Parse(File.ReadAllText(Path.Combine(Folder, file)));

    private static void Write(int count) => File.WriteAllText(Path.Combine(Folder, "nr_hugepages"), count.ToString());
}
