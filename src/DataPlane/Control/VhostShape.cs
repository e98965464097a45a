using System.Globalization;
using System.Numerics;
using System.Text;
using Nf.DataPlane.Vhost;
using Nf.Linux;
using Nf.V1;

namespace Nf.DataPlane.Control;

/// <summary>A valid <see cref="VhostDeviceSpec"/> with its defaults filled in, as the device needs it.</summary>
internal sealed class VhostShape
{
    /// <summary>Most queue pairs of a device. Arbitrary: as many as workers of a large machine poll for one
    /// guest.</summary>
    internal const uint QueuePairsMax = 8;

    private const uint QueueSizeDefault = 1024;
    private const uint QueueSizeMin = 64;
    private const uint QueueSizeLimit = 32768;
    private const uint SocketModeDefault = 0x1B0; // 0660
    private const uint SocketModeMax = 0x1FF; // 0777
    private const int PathBytesMax = 107;
    private const uint MtuMin = 68;
    private const uint MtuMax = 65535;

    private VhostShape()
    {
    }

    internal required string SocketPath { get; init; }

    /// <summary>True when this side connects.</summary>
    internal required bool IsClient { get; init; }

    internal required int QueuePairs { get; init; }

    internal required uint QueueSizeMax { get; init; }

    internal required int SocketMode { get; init; }

    internal required ushort Mtu { get; init; }

    /// <summary>Six bytes, first byte of the address lowest; 0 when the front-end chooses.</summary>
    internal required ulong Mac { get; init; }

    /// <summary>Feature bits offered.</summary>
    internal required ulong Features { get; init; }

    /// <summary>Checks a spec; again, because a command socket is a border too.</summary>
    /// <exception cref="CommandFaultException">INVALID_SPEC, with every fault at once.</exception>
    internal static VhostShape Of(VhostDeviceSpec spec)
    {
        uint pairs = spec.QueuePairs == 0 ? 1 : spec.QueuePairs;
        uint size = spec.QueueSizeMax == 0 ? QueueSizeDefault : spec.QueueSizeMax;
        bool validMac = TryParseMac(spec.Mac, out ulong mac);
        (bool Valid, string Message)[] rules =
        [
            (IsValidPath(spec.SocketPath),
                $"socket_path \"{spec.SocketPath}\": an absolute path of a file, at most {PathBytesMax} bytes"),
            (Enum.IsDefined(spec.Role), $"role {spec.Role}: SERVER or CLIENT"),
            (pairs <= QueuePairsMax, $"queue_pairs {pairs}: 1 to {QueuePairsMax}"),
            (size is >= QueueSizeMin and <= QueueSizeLimit && BitOperations.IsPow2(size),
                $"queue_size_max {size}: a power of two, {QueueSizeMin} to {QueueSizeLimit}"),
            (spec.MtuBytes is 0 or (>= MtuMin and <= MtuMax), $"mtu_bytes {spec.MtuBytes}: 0, or {MtuMin} to {MtuMax}"),
            (validMac, $"mac \"{spec.Mac}\": six pairs of hexadecimal digits with colons between, unicast, not zero"),
            (spec.SocketMode <= SocketModeMax, $"socket_mode {spec.SocketMode}: permission bits, at most 0777"),
            (!(spec.Features is { HasSegmentation: true, Segmentation: true, HasChecksum: true, Checksum: false }),
                "features.segmentation: needs features.checksum"),
        ];
        string[] faults = [.. rules.Where(rule => !rule.Valid).Select(rule => rule.Message)];
        return faults.Length != 0
            ? throw new CommandFaultException("INVALID_SPEC", string.Join("; ", faults), Errno.EINVAL)
            : new VhostShape
            {
                SocketPath = spec.SocketPath,
                IsClient = spec.Role == VhostRole.Client,
                QueuePairs = (int)pairs,
                QueueSizeMax = size,
                SocketMode = (int)(spec.SocketMode == 0 ? SocketModeDefault : spec.SocketMode),
                Mtu = (ushort)spec.MtuBytes,
                Mac = mac,
                Features = FeaturesOf(spec, pairs),
            };
    }

    private static ulong FeaturesOf(VhostDeviceSpec spec, uint pairs)
    {
        VhostFeatures wish = spec.Features ?? new VhostFeatures();
        bool checksum = !wish.HasChecksum || wish.Checksum;
        bool segmentation = wish.HasSegmentation ? wish.Segmentation : checksum;
        const ulong checksums = VirtioFeatures.Checksum | VirtioFeatures.GuestChecksum;
        const ulong segmentations = VirtioFeatures.HostTso4 | VirtioFeatures.HostTso6
            | VirtioFeatures.GuestTso4 | VirtioFeatures.GuestTso6 | VirtioFeatures.HostEcn | VirtioFeatures.GuestEcn;
        (bool Offered, ulong Bits)[] offers =
        [
            (true, VirtioFeatures.Version1 | VirtioFeatures.ProtocolFeatures | VirtioFeatures.AnyLayout
                | VirtioFeatures.GuestAnnounce | VirtioFeatures.Status | VirtioFeatures.NotifyOnEmpty),
            (!wish.HasMergeable || wish.Mergeable, VirtioFeatures.MergeableBuffers),
            (!wish.HasPacked || wish.Packed, VirtioFeatures.RingPacked),
            (!wish.HasIndirect || wish.Indirect, VirtioFeatures.IndirectDescriptors),
            (!wish.HasEventIndex || wish.EventIndex, VirtioFeatures.EventIndex),
            (!wish.HasInOrder || wish.InOrder, VirtioFeatures.InOrder),
            (checksum, checksums),
            (segmentation, segmentations),
            (!wish.HasDirtyLog || wish.DirtyLog, VirtioFeatures.LogAll),
            (spec.MtuBytes != 0, VirtioFeatures.Mtu),
            (spec.Mac.Length != 0, VirtioFeatures.Mac),
            (pairs > 1, VirtioFeatures.MultiQueue),
        ];
        return offers.Where(offer => offer.Offered).Aggregate(0UL, (bits, offer) => bits | offer.Bits);
    }

    private static bool IsValidPath(string path) =>
        path.StartsWith('/') && !path.EndsWith('/') && !path.Contains('\0', StringComparison.Ordinal)
        && Encoding.UTF8.GetByteCount(path) <= PathBytesMax;

    private static bool TryParseMac(string text, out ulong mac)
    {
        mac = 0;
        if (text.Length == 0)
        {
            return true;
        }

        string[] parts = text.Split(':');
        if (parts.Length != 6)
        {
            return false;
        }

        for (int i = 0; i < parts.Length; i++)
        {
            if (parts[i].Length != 2
                || !byte.TryParse(
                    parts[i], NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out byte value))
            {
                return false;
            }

            mac |= (ulong)value << (8 * i);
        }

        // The lowest bit of the first byte marks a group.
        return mac != 0 && (mac & 1) == 0;
    }
}
