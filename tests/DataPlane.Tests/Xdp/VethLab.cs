using System.Diagnostics;
using System.Net;
using System.Net.Sockets;
using Nf.Linux;

namespace Nf.DataPlane.Tests.Xdp;

/// <summary>
/// Two network namespaces with a veth pair between them: "inner" is where programs are attached, "outer" sends.
/// Static neighbours, no IPv6: nothing is on the wire but what a test sends.
/// </summary>
internal sealed class VethLab : IDisposable
{
    internal const string Device = "nfx0";
    internal const string Peer = "nfx1";

    private readonly string _innerName;
    private readonly string _outerName;

    private VethLab(string suffix)
    {
        _innerName = $"nf-xdp-i-{suffix}";
        _outerName = $"nf-xdp-o-{suffix}";
    }

    /// <summary>As ip knows it.</summary>
    internal string OuterName => _outerName;

    /// <summary>The file that stands for the inner namespace.</summary>
    internal string InnerPath => $"/run/netns/{_innerName}";

    internal NetworkNamespace Inner { get; private set; } = null!;

    internal NetworkNamespace Outer { get; private set; } = null!;

    internal int Ifindex { get; private set; }

    /// <param name="rxQueues">Receive queues of the inner device.</param>
    /// <param name="peerTxQueues">Transmit queues of its peer: more than that, and native XDP is refused.</param>
    /// <param name="txQueues">Transmit queues of the inner device, and receive queues of its peer.</param>
    internal static VethLab Create(int rxQueues = 1, int peerTxQueues = 1, int txQueues = 1)
    {
        var lab = new VethLab(Guid.NewGuid().ToString("N")[..8]);
        try
        {
            Ip($"netns add {lab._innerName}");
            Ip($"netns add {lab._outerName}");
            lab.Inner = NetworkNamespace.OpenPath($"/run/netns/{lab._innerName}");
            lab.Outer = NetworkNamespace.OpenPath($"/run/netns/{lab._outerName}");
            lab.Inner.Run(SilenceIpv6);
            lab.Outer.Run(SilenceIpv6);
            lab.AddPair(Device, Peer, rxQueues, peerTxQueues, 0, txQueues);
            lab.Ifindex = lab.IfindexOf(Device);
            return lab;
        }
        catch
        {
            lab.Dispose();
            throw;
        }
    }

    /// <summary>Adds another pair, with addresses 10.99.N.1 and 10.99.N.2.</summary>
    /// <param name="device">The inner end.</param>
    /// <param name="peer">The outer end.</param>
    /// <param name="rxQueues">Receive queues of the inner end.</param>
    /// <param name="peerTxQueues">Transmit queues of the outer end.</param>
    /// <param name="number">N.</param>
    /// <param name="txQueues">Transmit queues of the inner and receive queues of the outer end.</param>
    internal void AddPair(string device, string peer, int rxQueues, int peerTxQueues, int number, int txQueues = 1)
    {
        Ip($"link add {device} netns {_innerName} numrxqueues {rxQueues} numtxqueues {txQueues} type veth "
            + $"peer name {peer} netns {_outerName} numrxqueues {txQueues} numtxqueues {peerTxQueues}");
        Inside($"addr add 10.99.{number}.1/24 dev {device}");
        Outside($"addr add 10.99.{number}.2/24 dev {peer}");
        Inside($"link set {device} address 02:00:00:00:{number:x2}:01 up");
        Outside($"link set {peer} address 02:00:00:00:{number:x2}:02 up");
        Outside($"neigh add 10.99.{number}.1 lladdr 02:00:00:00:{number:x2}:01 dev {peer} nud permanent");
    }

    /// <summary>Runs ip in the inner namespace.</summary>
    internal string Inside(string arguments) => Ip($"-n {_innerName} {arguments}");

    /// <summary>Runs any command in the inner namespace.</summary>
    internal void InsideRun(string command)
    {
        (int code, _, string errors) = Command.Run("nsenter", $"--net={InnerPath} {command}");
        Assert.True(code == 0, $"{command}: {errors}");
    }

    /// <summary>Runs ip in the outer namespace.</summary>
    internal string Outside(string arguments) => Ip($"-n {_outerName} {arguments}");

    internal int IfindexOf(string device) => Inner.Run(() =>
    {
        using var netlink = new RouteNetlink();
        return netlink.FindLink(device)!.Ifindex;
    });

    /// <summary>A UDP socket in the inner namespace: what reaches it has passed the program.</summary>
    internal Socket ListenInside(int port) => Inner.Run(() =>
    {
        var socket = new Socket(AddressFamily.InterNetwork, SocketType.Dgram, ProtocolType.Udp)
        {
            ReceiveTimeout = 5000,
            ReceiveBufferSize = 1 << 22,
        };
        socket.Bind(new IPEndPoint(IPAddress.Any, port));
        return socket;
    });

    /// <summary>A UDP socket in the outer namespace, connected to a port inside.</summary>
    internal Socket ConnectOutside(int port, int number = 0) => Outer.Run(() =>
    {
        var socket = new Socket(AddressFamily.InterNetwork, SocketType.Dgram, ProtocolType.Udp);
        socket.Connect(new IPEndPoint(IPAddress.Parse($"10.99.{number}.1"), port));
        return socket;
    });

    public void Dispose()
    {
        Inner?.Dispose();
        Outer?.Dispose();
        TryIp($"netns del {_innerName}");
        TryIp($"netns del {_outerName}");
    }

    // Or router and group messages would be counted with the frames of a test.
    private static void SilenceIpv6() => File.WriteAllText("/proc/sys/net/ipv6/conf/default/disable_ipv6", "1");

    private static string Ip(string arguments)
    {
        (int code, string output, string errors) = TryIp(arguments);
        return code == 0 ? output : throw new InvalidOperationException($"ip {arguments}: {errors}");
    }

    private static (int Code, string Output, string Errors) TryIp(string arguments) => Command.Run("ip", arguments);
}

/// <summary>Runs a program of the machine.</summary>
internal static class Command
{
    internal static (int Code, string Output, string Errors) Run(string program, string arguments)
    {
        using Process process = Process.Start(new ProcessStartInfo(program, arguments)
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        })!;
        Task<string> errors = process.StandardError.ReadToEndAsync();
        string output = process.StandardOutput.ReadToEnd();
        process.WaitForExit();
        return (process.ExitCode, output, errors.Result);
    }
}
