namespace Nf.Linux.Tests.Support;

/// <summary>Version of the running kernel; decides only what a test may expect, never what the code does.</summary>
public static class KernelRelease
{
    public static Version Current { get; } = Parse(File.ReadAllText("/proc/sys/kernel/osrelease"));

    private static Version Parse(string release)
    {
        string[] parts = release.Split('.', '-', '+');
        return new Version(int.Parse(parts[0]), int.Parse(parts[1]));
    }
}
