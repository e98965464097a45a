namespace Nf.Linux.Tests.Support;

/// <summary>What this process has open, to prove that a piece of code closes what it opens.</summary>
public static class OpenDescriptors
{
    /// <summary>How many descriptors are of something whose name contains the text.</summary>
    public static int Count(string nameContains) =>
        Targets().Count(target => target.Contains(nameContains, StringComparison.Ordinal));

    /// <summary>Fails with the names of what is open after the action and was not open before it.</summary>
    /// <param name="action">What must not leak; run once before, because first calls open things for good.</param>
    public static void AssertNoLeak(Action action)
    {
        ArgumentNullException.ThrowIfNull(action);
        action();
        List<string> before = Targets();
        action();
        List<string> leaked = Targets();
        before.ForEach(target => leaked.Remove(target));
        Assert.True(leaked.Count == 0, $"leaked {leaked.Count} descriptors: {string.Join(", ", leaked)}");
    }

    private static List<string> Targets()
    {
        var targets = new List<string>();
        foreach (string entry in Directory.EnumerateFiles("/proc/self/fd"))
        {
            try
            {
                if (File.ResolveLinkTarget(entry, returnFinalTarget: false) is { } target)
                {
                    targets.Add(Path.GetFileName(target.FullName));
                }
            }
            catch (IOException)
            {
                // Closed by another test between the listing and the look.
            }
        }

        return targets;
    }
}
