using System.Text;
using Nf.SharedMemory.Rings;
using Nf.V1;

namespace Nf.Service;

/// <summary>The rules of a socket's spec that need no kernel.</summary>
internal static class XskSocketRules
{
    /// <summary>Entries of the RX, TX and completion ring where none are asked for.</summary>
    public const uint RingDefault = 2048;

    /// <summary>Entries of the fill ring where none are asked for: twice the RX ring, as it feeds that one.</summary>
    public const uint FillRingDefault = 4096;

    /// <summary>Packets per busy poll where none are asked for: the kernel's NAPI weight.</summary>
    public const uint BusyPollBudgetDefault = 64;

    private const uint QueueMax = ushort.MaxValue; // more than any device has
    private const int PathBytesMax = 4095; // PATH_MAX - 1

    /// <summary>Notes every fault of a spec whose defaults are filled in.</summary>
    public static void Check(SpecFaults faults, XskSocketSpec spec)
    {
        ResourceName.Check(faults, "spec.umem", spec.Umem);
        CheckPlace(faults, spec);
        CheckRings(faults, spec.Rings);
        faults.RequireDefined(spec.Mode, "spec.mode");
        faults.RequireDefined(spec.XdpMode, "spec.xdp_mode");
        faults.RequireDefined(spec.Owner, "spec.owner");
        faults.Require(
            spec.Mode != XskMode.ZeroCopy || spec.XdpMode != XdpMode.Generic,
            "spec.xdp_mode",
            "GENERIC cannot give what spec.mode ZERO_COPY demands: zero-copy needs the program in the driver");
        CheckBusyPoll(faults, spec.BusyPoll);
    }

    /// <summary>Notes every fault of interface, namespace and queue.</summary>
    public static void CheckPlace(SpecFaults faults, XskSocketSpec spec)
    {
        CheckDevice(faults, spec);
        CheckNamespace(faults, "spec.network_namespace", spec.NetworkNamespace);
        faults.Require(spec.Queue <= QueueMax, "spec.queue", $"{spec.Queue} is above {QueueMax}");
    }

    /// <summary>Notes every fault of a network namespace; unset is none.</summary>
    public static void CheckNamespace(SpecFaults faults, string field, NetworkNamespace? named)
    {
        switch (named?.ByCase)
        {
            case null:
                break;
            case NetworkNamespace.ByOneofCase.Path:
                faults.Require(
                    named.Path.StartsWith('/') && !named.Path.Contains('\0'),
                    $"{field}.path",
                    "is not an absolute path");
                int bytes = Encoding.UTF8.GetByteCount(named.Path);
                faults.Require(
                    bytes <= PathBytesMax, $"{field}.path", $"has {bytes} bytes, at most {PathBytesMax} are allowed");
                break;
            case NetworkNamespace.ByOneofCase.Pid:
                faults.Require(
                    named.Pid is > 0 and <= int.MaxValue, $"{field}.pid", $"{named.Pid} is no process id (1 or more)");
                break;
            default:
                faults.Add(field, "names neither a path nor a pid; leave it unset for the data plane's namespace");
                break;
        }
    }

    private static void CheckDevice(SpecFaults faults, XskSocketSpec spec)
    {
        switch (spec.DeviceCase)
        {
            case XskSocketSpec.DeviceOneofCase.Interface:
                DeviceRules.CheckInterface(faults, "spec.interface", spec.Interface);
                break;
            case XskSocketSpec.DeviceOneofCase.Ifindex:
                DeviceRules.CheckIfindex(faults, "spec.ifindex", spec.Ifindex);
                break;
            default:
                faults.Add("spec.device", "one of spec.interface and spec.ifindex must be set");
                break;
        }
    }

    private static void CheckRings(SpecFaults faults, RingSizes rings)
    {
        CheckRing(faults, "spec.rings.rx", rings.Rx);
        CheckRing(faults, "spec.rings.tx", rings.Tx);
        CheckRing(faults, "spec.rings.fill", rings.Fill);
        CheckRing(faults, "spec.rings.completion", rings.Completion);

        // A smaller completion ring stops sending (EAGAIN) before the TX ring is empty.
        faults.Require(
            rings.Completion >= rings.Tx,
            "spec.rings.completion",
            $"{rings.Completion} is smaller than the TX ring ({rings.Tx})");
    }

    private static void CheckRing(SpecFaults faults, string field, uint entries) => faults.Require(
        RingSize.IsValid(entries), field, $"{entries} is no power of two from {RingSize.Min} to {RingSize.Max}");

    private static void CheckBusyPoll(SpecFaults faults, BusyPoll? poll)
    {
        if (poll is null)
        {
            return;
        }

        const string Field = "spec.busy_poll";
        faults.Require(
            poll.TimeoutUs is >= 1 and <= 10_000, $"{Field}.timeout_us", $"{poll.TimeoutUs} is not within 1 to 10000");
        faults.Require(poll.Budget is >= 1 and <= 1024, $"{Field}.budget", $"{poll.Budget} is not within 1 to 1024");
        faults.Require(
            poll.DeferHardIrqs <= 100, $"{Field}.defer_hard_irqs", $"{poll.DeferHardIrqs} is not within 0 to 100");
        faults.Require(
            poll.GroFlushTimeoutNs <= 10_000_000,
            $"{Field}.gro_flush_timeout_ns",
            $"{poll.GroFlushTimeoutNs} is not within 0 to 10000000");
    }
}
