using System.Text;

namespace Nf.Linux;

/// <summary>Numbers of queues of a device.</summary>
/// <param name="Rx">Queues that only receive, in use.</param>
/// <param name="Tx">Queues that only transmit, in use.</param>
/// <param name="Combined">Queues that do both, in use.</param>
/// <param name="RxMax">Most of the first kind.</param>
/// <param name="TxMax">Most of the second kind.</param>
/// <param name="CombinedMax">Most of the third kind.</param>
public sealed record EthtoolChannels(int Rx, int Tx, int Combined, int RxMax, int TxMax, int CombinedMax)
{
    /// <summary>Queues an AF_XDP socket can be bound to: 0 to this, not included.</summary>
    public int QueueCount => Math.Max(Rx, Tx) + Combined;
}

/// <summary>What a device's driver calls itself.</summary>
/// <param name="Driver">Name, such as <c>ice</c> or <c>veth</c>.</param>
/// <param name="Version">Of the driver; mostly the kernel's.</param>
/// <param name="Firmware">Of the device.</param>
/// <param name="Bus">Where it sits, such as a PCI address.</param>
public sealed record EthtoolDriverInfo(string Driver, string Version, string Firmware, string Bus);

/// <summary>The ethtool ioctl, in the network namespace of the thread that made this object.</summary>
public sealed unsafe class Ethtool : IDisposable
{
    private const nuint SIOCETHTOOL = 0x8946;
    private const uint ETHTOOL_GDRVINFO = 0x3;
    private const uint ETHTOOL_GTXCSUM = 0x16;
    private const uint ETHTOOL_STXCSUM = 0x17;
    private const uint ETHTOOL_GCHANNELS = 0x3c;
    private const uint ETHTOOL_SCHANNELS = 0x3d;
    private const int TextBytesMax = 32;

    private readonly FileDescriptor _socket = FileDescriptor.Socket(Libc.AF_INET, Libc.SOCK_DGRAM);

    /// <summary>How many queues a device has; null when its driver does not say, which means one of each.</summary>
    /// <exception cref="LinuxException">ENODEV when there is none of that name.</exception>
    public EthtoolChannels? GetChannels(string device)
    {
        var channels = new ethtool_channels { cmd = ETHTOOL_GCHANNELS };
        Errno errno = Call(device, ref channels);
        if (errno == Errno.EOPNOTSUPP)
        {
            return null;
        }

        ThrowIfFailed(errno, "ETHTOOL_GCHANNELS", device);
        return new EthtoolChannels(
            (int)channels.rx_count,
            (int)channels.tx_count,
            (int)channels.combined_count,
            (int)channels.max_rx,
            (int)channels.max_tx,
            (int)channels.max_combined);
    }

    /// <summary>Sets how many queues are in use (needs CAP_NET_ADMIN).</summary>
    /// <exception cref="LinuxException">
    /// EINVAL beyond the maximum, or below a queue that an AF_XDP socket is bound to.
    /// </exception>
    public void SetChannels(string device, int rx, int tx, int combined)
    {
        var channels = new ethtool_channels { cmd = ETHTOOL_GCHANNELS };
        ThrowIfFailed(Call(device, ref channels), "ETHTOOL_GCHANNELS", device);
        channels.cmd = ETHTOOL_SCHANNELS;
        channels.rx_count = (uint)rx;
        channels.tx_count = (uint)tx;
        channels.combined_count = (uint)combined;
        ThrowIfFailed(Call(device, ref channels), $"ETHTOOL_SCHANNELS(rx {rx}, tx {tx}, combined {combined})", device);
    }

    /// <summary>Who drives a device.</summary>
    public EthtoolDriverInfo GetDriver(string device)
    {
        var info = new ethtool_drvinfo { cmd = ETHTOOL_GDRVINFO };
        ThrowIfFailed(Call(device, ref info), "ETHTOOL_GDRVINFO", device);

        // SAFETY: the four fields are TextBytesMax bytes each, inside a local.
        return new EthtoolDriverInfo(
            Text(info.driver), Text(info.version), Text(info.fw_version), Text(info.bus_info));
    }

    /// <summary>
    /// Turns transmit checksum offload on or off. Off is needed where frames of a local stack reach an XDP program
    /// unsent (veth): their checksums would still be blank.
    /// </summary>
    public void SetTxChecksum(string device, bool enabled)
    {
        var value = new ethtool_value { cmd = ETHTOOL_STXCSUM, data = enabled ? 1u : 0u };
        ThrowIfFailed(Call(device, ref value), "ETHTOOL_STXCSUM", device);
    }

    /// <summary>Whether transmit checksum offload is on.</summary>
    public bool GetTxChecksum(string device)
    {
        var value = new ethtool_value { cmd = ETHTOOL_GTXCSUM };
        ThrowIfFailed(Call(device, ref value), "ETHTOOL_GTXCSUM", device);
        return value.data != 0;
    }

    /// <inheritdoc/>
    public void Dispose() => _socket.Dispose();

    private static string Text(byte* text)
    {
        var bytes = new ReadOnlySpan<byte>(text, TextBytesMax);
        int end = bytes.IndexOf((byte)0);
        return Encoding.ASCII.GetString(end < 0 ? bytes : bytes[..end]);
    }

    private static void ThrowIfFailed(Errno errno, string command, string device)
    {
        if (errno != Errno.None)
        {
            throw new LinuxException($"ioctl({command}, {device})", errno);
        }
    }

    private Errno Call<T>(string device, ref T command)
        where T : unmanaged
    {
        ArgumentException.ThrowIfNullOrEmpty(device);
        if (device.Length >= Libc.IFNAMSIZ)
        {
            return Errno.ENODEV;
        }

        var request = default(ifreq);

        // SAFETY: the name is shorter than the field, so a zero byte remains behind it; command is pinned for the call
        // and is the struct that its first word announces.
        Encoding.ASCII.GetBytes(device, new Span<byte>(request.ifr_name, Libc.IFNAMSIZ));
        fixed (T* pointer = &command)
        {
            request.ifr_data = pointer;
            return Libc.ioctl(_socket, SIOCETHTOOL, &request) < 0 ? Result.LastErrno : Errno.None;
        }
    }
}
