using Nf.Linux.Tests.Memory;

namespace Nf.Linux.Tests;

/// <summary>What runs when a test starts this assembly as a program of its own, to see it die.</summary>
internal static class Program
{
    private static int Main(string[] arguments) => arguments is ["fault", string kind] ? FaultChild.Run(kind) : 2;
}
