using System.Diagnostics;

namespace Nf.DataPlane.Tests.Xdp;

/// <summary>Waits for what the kernel does a moment later.</summary>
internal static class Await
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(5);

    /// <summary>Asks again and again, giving way to others in between.</summary>
    internal static void Until(Func<bool> condition, string what)
    {
        for (var clock = Stopwatch.StartNew(); !condition(); Thread.Yield())
        {
            Assert.True(clock.Elapsed < Patience, $"waited {Patience.TotalSeconds} s for {what}");
        }
    }
}
