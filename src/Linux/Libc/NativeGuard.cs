using System.Runtime.InteropServices;

namespace Nf.Linux;

// Native/fault_guard.c
internal static unsafe partial class NativeGuard
{
    private const string Library = "nf-native";

    [LibraryImport(Library, SetLastError = true)]
    internal static partial int nf_fault_guard_register(void* start, nuint length, nuint page);

    [LibraryImport(Library)]
    internal static partial void nf_fault_guard_unregister(int slot);

    [LibraryImport(Library)]
    internal static partial uint* nf_fault_guard_lost(int slot);

    [LibraryImport(Library)]
    internal static partial ulong* nf_fault_guard_faults();
}
