using System.Globalization;
using Google.Protobuf;
using Nf.Internal.V1;
using Nf.Linux;
using BusyPoll = Nf.V1.BusyPoll;

namespace Nf.DataPlane.Node;

/// <summary>
/// The two settings of one device that busy polling needs, what they were before, and what sockets want of them: the
/// largest wish of each is in force.
/// </summary>
internal sealed class DeviceBusyPoll : IDisposable
{
    private const string DeferHardIrqs = "napi_defer_hard_irqs";
    private const string GroFlushTimeout = "gro_flush_timeout";
    private const uint StoredVersion = 1;

    private readonly List<BusyPoll> _wishes = [];
    private ulong? _deferHardIrqsBefore;
    private ulong? _groFlushTimeoutBefore;

    private DeviceBusyPoll(NetworkNamespace network, int ifindex, string name)
    {
        Network = network;
        Ifindex = ifindex;
        Name = name;
    }

    /// <summary>Where the device is; this object's own reference.</summary>
    internal NetworkNamespace Network { get; }

    /// <summary>Its index there.</summary>
    internal int Ifindex { get; }

    /// <summary>Its name when the first setting was changed.</summary>
    internal string Name { get; }

    /// <summary>Sockets that want something of it.</summary>
    internal int WishCount => _wishes.Count;

    internal static DeviceBusyPoll Create(NetworkNamespace network, int ifindex, string name) =>
        new(network.Duplicate(), ifindex, name);

    /// <summary>Puts one more wish into force.</summary>
    /// <param name="wish">The wish.</param>
    /// <param name="keep">Called when a setting is about to be changed for the first time.</param>
    /// <exception cref="LinuxException">The kernel refused a value; the wish is not counted.</exception>
    internal void Add(BusyPoll wish, Action<DeviceBusyPoll> keep)
    {
        _wishes.Add(wish);
        try
        {
            if (Remember())
            {
                keep(this);
            }

            Apply();
        }
        catch
        {
            // One of the two may have been set already.
            Remove(wish);
            throw;
        }
    }

    /// <summary>Takes a wish away; what was before is in force again after the last.</summary>
    internal void Remove(BusyPoll wish)
    {
        _wishes.Remove(wish);
        Apply();
    }

    /// <summary>Puts back what was before, without a wish left.</summary>
    internal void Restore() => Apply();

    /// <summary>What a later life needs to put back what was before; the descriptor stays this object's.</summary>
    internal (byte[] Metadata, FileDescriptor[] Descriptors) Describe()
    {
        var stored = new StoredBusyPollSettings { Version = StoredVersion, Ifindex = (uint)Ifindex, Interface = Name };
        if (_deferHardIrqsBefore is { } deferHardIrqs)
        {
            stored.DeferHardIrqs = (uint)deferHardIrqs;
        }

        if (_groFlushTimeoutBefore is { } groFlushTimeout)
        {
            stored.GroFlushTimeoutNs = groFlushTimeout;
        }

        return (stored.ToByteArray(), [Network.Descriptor]);
    }

    /// <summary>Takes over what an earlier life changed, with no wish counted yet.</summary>
    /// <exception cref="InvalidDataException">The metadata is damaged; the descriptor stays the caller's.</exception>
    internal static DeviceBusyPoll Adopt(ReadOnlySpan<byte> metadata, FileDescriptor network)
    {
        StoredBusyPollSettings stored;
        try
        {
            stored = StoredBusyPollSettings.Parser.ParseFrom(metadata);
        }
        catch (InvalidProtocolBufferException cause)
        {
            throw new InvalidDataException($"busy poll settings: {cause.Message}", cause);
        }

        if (stored.Version != StoredVersion || stored.Ifindex is 0 or > int.MaxValue || stored.Interface.Length == 0)
        {
            throw new InvalidDataException(
                $"busy poll settings: version {stored.Version}, ifindex {stored.Ifindex}, " +
                $"interface {stored.Interface}");
        }

        return new DeviceBusyPoll(NetworkNamespace.Adopt(network), (int)stored.Ifindex, stored.Interface)
        {
            _deferHardIrqsBefore = stored.HasDeferHardIrqs ? stored.DeferHardIrqs : null,
            _groFlushTimeoutBefore = stored.HasGroFlushTimeoutNs ? stored.GroFlushTimeoutNs : null,
        };
    }

    /// <inheritdoc/>
    public void Dispose() => Network.Dispose();

    private ulong DeferHardIrqsWish => _wishes.Aggregate(0ul, (most, wish) => Math.Max(most, wish.DeferHardIrqs));

    private ulong GroFlushTimeoutWish =>
        _wishes.Aggregate(0ul, (most, wish) => Math.Max(most, wish.GroFlushTimeoutNs));

    // Looks up what the settings are that are about to be changed for the first time; true when there are any.
    private bool Remember() => OnDevice((sysfs, directory) =>
        RememberOne(sysfs, $"{directory}/{DeferHardIrqs}", DeferHardIrqsWish, ref _deferHardIrqsBefore)
        | RememberOne(sysfs, $"{directory}/{GroFlushTimeout}", GroFlushTimeoutWish, ref _groFlushTimeoutBefore));

    private void Apply() => OnDevice((sysfs, directory) =>
    {
        Put(sysfs, $"{directory}/{DeferHardIrqs}", DeferHardIrqsWish, ref _deferHardIrqsBefore);
        Put(sysfs, $"{directory}/{GroFlushTimeout}", GroFlushTimeoutWish, ref _groFlushTimeoutBefore);
        return true;
    });

    // False when the device is gone, and its settings with it.
    private bool OnDevice(Func<NetworkSysfs, string, bool> action) => Network.Run(() =>
    {
        using NetworkSysfs sysfs = NetworkSysfs.Open();
        return FindDirectory(sysfs) is { } directory && action(sysfs, directory);
    });

    // The name may have changed, and may belong to another device now.
    private string? FindDirectory(NetworkSysfs sysfs)
    {
        using var netlink = new RouteNetlink();
        string? name = netlink.FindLink(Ifindex)?.Name;
        return name is not null && sysfs.TryRead($"class/net/{name}/ifindex") == $"{Ifindex}"
            ? $"class/net/{name}"
            : null;
    }

    private static bool RememberOne(NetworkSysfs sysfs, string path, ulong wish, ref ulong? before)
    {
        if (wish == 0 || before is not null)
        {
            return false;
        }

        before = ulong.TryParse(sysfs.TryRead(path), CultureInfo.InvariantCulture, out ulong present)
            ? present
            : throw new LinuxException($"read(sysfs, {path})", Errno.EOPNOTSUPP);
        return true;
    }

    // A wish of 0 leaves the setting alone, or puts it back. What it was is known, unless the device came after that.
    private static void Put(NetworkSysfs sysfs, string path, ulong wish, ref ulong? before)
    {
        if (before is not { } value)
        {
            return;
        }

        sysfs.Write(path, (wish == 0 ? value : wish).ToString(CultureInfo.InvariantCulture));
        before = wish == 0 ? null : value;
    }
}
