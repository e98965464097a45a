namespace Nf.DataPlane.Xdp;

/// <summary>How XDP programs are to be attached (option <c>--xdp-attach</c>).</summary>
internal enum XdpAttachPreference
{
    /// <summary>By BPF link, and by netlink where the kernel has no links for XDP (before 5.9).</summary>
    Link,

    /// <summary>
    /// By netlink always. Such a program stays on a device that somebody moves to another network namespace, out of our
    /// reach; its map is empty by then, so it passes every packet.
    /// </summary>
    Netlink,
}
