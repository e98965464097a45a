// Answers UDP, ping and ARP on an address, on a socket leased from the broker: with no privilege of its own.
//
//   echo-udp --interface eth1 --address 10.0.0.1 [--port 7] [--broker /run/nf/broker.sock] [--queue 0] [--own]
//            [--netns own|PATH] [--token HEX] [--keep SECONDS] [--take-up ID:SECRET] [--frames N]
//
// Prints "ready lease=ID:SECRET ..." when packets can come, and on SIGTERM or SIGINT what it did.
using System.Net;
using System.Runtime.InteropServices;
using Nf.Client;
using Nf.Linux;
using Nf.Samples.EchoUdp;
using Nf.SharedMemory.Broker;

Dictionary<string, string> options = Options.Parse(args);
if (!options.ContainsKey("interface") || !options.TryGetValue("address", out string? address))
{
    Console.Error.WriteLine("usage: echo-udp --interface NAME --address IPV4 [--port N] [--broker PATH] ...");
    return 2;
}

bool over = false;
using var term = PosixSignalRegistration.Create(PosixSignal.SIGTERM, Stop);
using var interrupt = PosixSignalRegistration.Create(PosixSignal.SIGINT, Stop);

try
{
    using NetworkNamespace? network = Options.Network(options);
    using BrokerClient broker = BrokerClient.Connect(
        options.GetValueOrDefault("broker", "/run/nf/broker.sock"),
        Convert.FromHexString(options.GetValueOrDefault("token", "")));
    using XskLease lease = options.TryGetValue("take-up", out string? earlier)
        ? broker.TakeUp(ulong.Parse(earlier.Split(':')[0]), Convert.FromHexString(earlier.Split(':')[1]))
        : broker.Lease(Options.Lease(options, network));
    var echo = new Echo(lease, IPAddress.Parse(address), ushort.Parse(options.GetValueOrDefault("port", "7")));
    Console.WriteLine($"ready lease={lease.Id}:{Convert.ToHexString(lease.Secret)} granted={lease.Info.Granted} "
        + $"memory={lease.Info.MemoryKind}");
    while (!Volatile.Read(ref over))
    {
        if (!echo.RunOnce())
        {
            lease.Wait(TimeSpan.FromMilliseconds(100));
        }

        while (broker.TryReadEvent(out BrokerEvent told))
        {
            Console.WriteLine(told.Type == BrokerMessageType.Life
                ? $"life {told.Generation}"
                : $"lease {told.Lease} {told.State} {told.Text}");
            over |= told.State is LeaseState.Released or LeaseState.DeviceLost;
        }
    }

    Console.WriteLine($"echoed {echo.EchoedCount} answered {echo.AnsweredCount} ignored {echo.IgnoredCount}");
    return 0;
}
catch (Exception e) when (e is BrokerException or LinuxException)
{
    Console.Error.WriteLine($"echo-udp: {e.Message}");
    return 1;
}

void Stop(PosixSignalContext signal)
{
    signal.Cancel = true;
    Volatile.Write(ref over, true);
}
