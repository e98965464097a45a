namespace Nf.Linux.Tests.Support;

/// <summary>
/// A test against the real kernel. It is skipped only where the machine cannot run it, and says why; where root, AF_XDP
/// and network namespaces exist, whatever goes wrong is a failure.
/// </summary>
[AttributeUsage(AttributeTargets.Method)]
public sealed class KernelFactAttribute : FactAttribute
{
    public KernelFactAttribute() => Skip = KernelTier.MissingRequirement;
}

/// <inheritdoc cref="KernelFactAttribute"/>
[AttributeUsage(AttributeTargets.Method)]
public sealed class KernelTheoryAttribute : TheoryAttribute
{
    public KernelTheoryAttribute() => Skip = KernelTier.MissingRequirement;
}

/// <summary>What the tests of the kernel tier need.</summary>
public static class KernelTier
{
    /// <summary>Why kernel tests cannot run here, or null when they can.</summary>
    public static string? MissingRequirement { get; } = FindMissingRequirement();

    private static string? FindMissingRequirement()
    {
        if (!Environment.IsPrivilegedProcess)
        {
            return "needs root";
        }

        if (!File.Exists("/usr/sbin/ip") && !File.Exists("/sbin/ip") && !File.Exists("/usr/bin/ip"))
        {
            return "needs the ip command";
        }

        try
        {
            AfXdpSocket.Create().Dispose();
            return null;
        }
        catch (LinuxException e)
        {
            return $"needs AF_XDP: {e.Message}";
        }
    }
}
