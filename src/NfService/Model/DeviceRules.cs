using System.Text;

namespace Nf.Service;

/// <summary>The rules of a network interface in a spec.</summary>
internal static class DeviceRules
{
    private const int InterfaceNameCharsMax = 15; // IFNAMSIZ - 1

    /// <summary>Notes every fault of an interface's name.</summary>
    public static void CheckInterface(SpecFaults faults, string field, string name) => faults.Require(
        IsInterfaceName(name),
        field,
        $"\"{Shorten(name)}\" is not 1 to {InterfaceNameCharsMax} bytes without '/', ':' or space");

    /// <summary>Notes every fault of an interface's index.</summary>
    public static void CheckIfindex(SpecFaults faults, string field, uint ifindex) => faults.Require(
        ifindex is > 0 and <= int.MaxValue, field, $"{ifindex} is not within 1 to {int.MaxValue}");

    // As dev_valid_name() of the kernel has it.
    private static bool IsInterfaceName(string name) =>
        name.Length > 0 && Encoding.UTF8.GetByteCount(name) <= InterfaceNameCharsMax && name is not ("." or "..")
        && !name.Any(c => c is '/' or ':' or '\0' || char.IsWhiteSpace(c));

    private static string Shorten(string text) => text.Length <= 64 ? text : text[..64] + "…";
}
