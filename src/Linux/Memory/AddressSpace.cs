using System.Runtime.InteropServices;

namespace Nf.Linux;

/// <summary>Where a process can have memory.</summary>
public static class AddressSpace
{
    private const int BitsLarge = 56;
    private const int BitsX64 = 47;
    private const int BitsOther = 48;

    /// <summary>First address that no process of this machine has (TASK_SIZE).</summary>
    public static ulong UserEnd { get; } = FindUserEnd();

    /// <summary>Whether a range can be memory of a process; says nothing of what is mapped there.</summary>
    /// <param name="start">First byte.</param>
    /// <param name="length">Bytes.</param>
    public static bool IsUserRange(ulong start, ulong length) => length <= UserEnd && start <= UserEnd - length;

    private static ulong FindUserEnd()
    {
        if (RuntimeInformation.ProcessArchitecture != Architecture.X64)
        {
            return 1UL << BitsOther;
        }

        // The last page is left out for a fault of some processors (arch/x86/include/asm/page_64.h).
        string? flags = File.ReadLines("/proc/cpuinfo")
            .FirstOrDefault(line => line.StartsWith("flags", StringComparison.Ordinal));
        bool isLarge = flags?.Split(' ').Contains("la57") == true;
        return (1UL << (isLarge ? BitsLarge : BitsX64)) - (ulong)Environment.SystemPageSize;
    }
}
