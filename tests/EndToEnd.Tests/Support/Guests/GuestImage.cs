namespace Nf.EndToEnd.Tests.Support.Guests;

/// <summary>Kernel and initramfs of the guests, and the QEMUs that run them; made on first use by eng/guest.</summary>
internal static class GuestImage
{
    private static readonly Lazy<Task> Built = new(() => Shell.RunAsync(Script("build.sh")));
    private static readonly Lazy<Task<string>> Newer = new(FindNewerAsync);

    internal static string Kernel { get; } = Path.Combine(Layout.Root, "artifacts", "guest", "vmlinuz");

    internal static string Initramfs { get; } = Path.Combine(Layout.Root, "artifacts", "guest", "initramfs.gz");

    /// <summary>Builds the guest where that has not been done.</summary>
    internal static Task ReadyAsync() => Built.Value;

    /// <summary>The QEMU of this Debian.</summary>
    internal static string Installed => "qemu-system-x86_64";

    /// <summary>The QEMU of the backports.</summary>
    internal static Task<string> BackportsAsync() => Newer.Value;

    private static async Task<string> FindNewerAsync() => (await Shell.RunAsync(Script("qemu.sh"))).Trim();

    private static string Script(string name) => Path.Combine(Layout.Root, "eng", "guest", name);
}
