using System.Globalization;

namespace Nf.Linux;

/// <summary>How a device holds back interrupts so that a busy-polling socket does its work instead (5.11+).</summary>
/// <param name="DeferHardIrqs">Empty polls before interrupts come back (napi_defer_hard_irqs).</param>
/// <param name="GroFlushTimeoutNs">
/// Nanoseconds until the safety timer polls in place of an interrupt (gro_flush_timeout).
/// </param>
/// <remarks>
/// The files live in sysfs, and a sysfs mount shows the network namespace it was mounted in, not the one of the
/// calling thread. So this works for devices of the namespace that /sys belongs to, and
/// <see cref="NetdevNetlink.SetNapi"/> is the way for all others.
/// </remarks>
public sealed record BusyPollDeviceSettings(uint DeferHardIrqs, ulong GroFlushTimeoutNs)
{
    /// <summary>Reads the settings; null when /sys does not show the device.</summary>
    public static BusyPollDeviceSettings? TryRead(LinkInfo link)
    {
        ArgumentNullException.ThrowIfNull(link);
        return IsShown(link)
            ? new BusyPollDeviceSettings(
                (uint)ReadNumber(PathOf(link, "napi_defer_hard_irqs")),
                ReadNumber(PathOf(link, "gro_flush_timeout")))
            : null;
    }

    /// <summary>Writes the settings; false when /sys does not show the device.</summary>
    /// <exception cref="LinuxException">open or write failed: EACCES or EROFS where sysfs is read-only.</exception>
    public bool TryWrite(LinkInfo link)
    {
        ArgumentNullException.ThrowIfNull(link);
        if (!IsShown(link))
        {
            return false;
        }

        WriteNumber(PathOf(link, "napi_defer_hard_irqs"), DeferHardIrqs);
        WriteNumber(PathOf(link, "gro_flush_timeout"), GroFlushTimeoutNs);
        return true;
    }

    // Another namespace may have a device of the same name and even number; all three of these agreeing is as good as
    // identity for a node's devices.
    private static bool IsShown(LinkInfo link) =>
        File.Exists(PathOf(link, "ifindex"))
        && ReadNumber(PathOf(link, "ifindex")) == (ulong)link.Ifindex
        && File.ReadAllText(PathOf(link, "address")).Trim() == link.Address;

    private static string PathOf(LinkInfo link, string file) => $"/sys/class/net/{link.Name}/{file}";

    private static ulong ReadNumber(string path) =>
        ulong.Parse(File.ReadAllText(path).Trim(), NumberStyles.None, CultureInfo.InvariantCulture);

    private static void WriteNumber(string path, ulong value)
    {
        using FileDescriptor file = FileDescriptor.Open(path, Libc.O_WRONLY);
        file.Write(System.Text.Encoding.ASCII.GetBytes(value.ToString(CultureInfo.InvariantCulture)));
    }
}
