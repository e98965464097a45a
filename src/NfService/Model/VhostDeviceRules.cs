using System.Text;
using Nf.V1;

namespace Nf.Service;

/// <summary>The rules of a vhost-user device's spec that need no kernel.</summary>
internal static class VhostDeviceRules
{
    /// <summary>Entries of a ring at most where none are asked for: the most that QEMU sets up.</summary>
    public const uint QueueSizeDefault = 1024;

    /// <summary>Mode of a socket file where none is asked for: 0660.</summary>
    public const uint SocketModeDefault = 0x1b0;

    private const int PathBytesMax = 107; // sizeof(sockaddr_un.sun_path) - 1
    private const uint QueuePairsMax = 8; // arbitrary: each is a port of the segment
    private const uint QueueSizeMin = 64;
    private const uint QueueSizeMax = 32_768; // virtio 1.3, 2.7
    private const uint MtuMin = 68; // RFC 791
    private const uint MtuMax = ushort.MaxValue;
    private const uint SocketModeMax = 0x1ff; // 0777

    /// <summary>Notes every fault of a spec whose defaults are filled in.</summary>
    public static void Check(SpecFaults faults, VhostDeviceSpec spec)
    {
        CheckPath(faults, spec.SocketPath);
        faults.RequireDefined(spec.Role, "spec.role");
        faults.Require(
            spec.QueuePairs is >= 1 and <= QueuePairsMax,
            "spec.queue_pairs",
            $"{spec.QueuePairs} is not within 1 to {QueuePairsMax}");
        faults.Require(
            spec.QueueSizeMax is >= QueueSizeMin and <= QueueSizeMax && uint.IsPow2(spec.QueueSizeMax),
            "spec.queue_size_max",
            $"{spec.QueueSizeMax} is no power of two from {QueueSizeMin} to {QueueSizeMax}");
        faults.Require(
            spec.Features.Checksum || !spec.Features.Segmentation,
            "spec.features.segmentation",
            "needs spec.features.checksum, which is off: each segment has a checksum of its own");
        faults.Require(
            spec.MtuBytes is 0 or (>= MtuMin and <= MtuMax),
            "spec.mtu_bytes",
            $"{spec.MtuBytes} is not within {MtuMin} to {MtuMax}, nor 0 for none");
        CheckMac(faults, spec.Mac);
        CheckMode(faults, spec);
    }

    private static void CheckPath(SpecFaults faults, string path)
    {
        const string Field = "spec.socket_path";
        if (path.Length == 0)
        {
            faults.Add(Field, "must be set");
            return;
        }

        faults.Require(path.StartsWith('/'), Field, "is not an absolute path");
        faults.Require(!path.EndsWith('/'), Field, "ends in a slash; it names the socket itself, not its directory");
        faults.Require(!path.Contains('\0'), Field, "contains a zero byte");
        int bytes = Encoding.UTF8.GetByteCount(path);
        faults.Require(
            bytes <= PathBytesMax, Field, $"has {bytes} bytes, a socket's path has at most {PathBytesMax}");
    }

    private static void CheckMac(SpecFaults faults, string mac)
    {
        const string Field = "spec.mac";
        if (mac.Length == 0)
        {
            return;
        }

        string shown = mac.Length <= 32 ? mac : mac[..32] + "…";
        if (MacAddress.TryParse(mac) is not { } bytes)
        {
            faults.Add(Field, $"\"{shown}\" is not six pairs of hexadecimal digits with colons between");
            return;
        }

        faults.Require(
            (bytes[0] & 1) == 0, Field, $"{shown} is a group address; a device has one of its own (unicast)");
        faults.Require(bytes.Any(b => b != 0), Field, $"{shown} is no address");
    }

    private static void CheckMode(SpecFaults faults, VhostDeviceSpec spec)
    {
        const string Field = "spec.socket_mode";
        faults.Require(
            spec.SocketMode <= SocketModeMax,
            Field,
            $"{Octal(spec.SocketMode)} has more than permission bits (at most 0777, decimal 511)");
        faults.Require(
            spec.Role != VhostRole.Client || spec.SocketMode == 0,
            Field,
            $"{Octal(spec.SocketMode)} is for a socket file, which the front-end makes where spec.role is CLIENT");
    }

    private static string Octal(uint mode) => "0" + Convert.ToString((int)mode, toBase: 8);
}
