using Google.Protobuf;
using Nf.DataPlane.Control;
using Nf.DataPlane.Tests.Control;
using Nf.DataPlane.Tests.Xdp;
using Nf.DataPlane.Xdp;
using Nf.Internal.V1;
using Nf.SharedMemory.Store;
using Nf.V1;
using Command = Nf.Internal.V1.Command;
using XdpMode = Nf.V1.XdpMode;

namespace Nf.DataPlane.Tests.Steering;

/// <summary>A veth pair, a life of the control side, and the rules of a steering called "st" on one end.</summary>
public abstract class SteeringTest : IDisposable
{
    private protected const int Port = 5000;

    private XdpAttachPreference _attach;

    private protected SteeringTest() => Life = new ControlLife(Keeper);

    private protected VethLab Lab { get; } = VethLab.Create();

    private protected FakeKeeper Keeper { get; } = new();

    private protected byte[] Buffer { get; } = new byte[65_536];

    private protected ControlLife Life { get; private set; }

    private protected string Space =>
        $"/run/netns/{Lab.OuterName.Replace("-o-", "-i-", StringComparison.Ordinal)}";

    private protected SteeringCommands Steerings => Life.Commands.Steerings;

    /// <summary>The hook of every spec made from here on.</summary>
    private protected XdpMode Mode { get; set; }

    /// <summary>Whether the specs made from here on are for frames of several buffers.</summary>
    private protected bool Frags { get; set; }

    public void Dispose()
    {
        Life.Clear();
        Life.Dispose();
        Keeper.Dispose();
        Lab.Dispose();
        GC.SuppressFinalize(this);
    }

    /// <summary>Begins with nothing, and attaches programs in another way.</summary>
    private protected void BeginAnew(XdpAttachPreference attach)
    {
        _attach = attach;
        NextLife([]);
    }

    /// <summary>Another life in the place of the one that runs.</summary>
    private protected void NextLife(IReadOnlyList<StoreEntry> left)
    {
        ControlLife before = Life;
        Life = new ControlLife(Keeper, left, _attach);
        before.Dispose();
    }

    private protected static SteeringAction Drop => new() { Drop = new ToNowhere() };

    private protected static SteeringAction Pass => new() { Pass = new ToStack() };

    private protected static SteeringRule Rule(string name, uint port, SteeringAction action) => new()
    {
        Name = name,
        Match = new SteeringMatch { IpProtocol = 17, DestinationPort = new PortRange { First = port, Last = port } },
        Action = action,
    };

    // A UDP datagram for a port.
    private protected static byte[] Udp(int port) => Convert.FromHexString(
        "020000000001" + "020000000002" + "0800" + "4500001c" + "00000000" + "40110000" + "0a630002" + "0a630001"
        + "c000" + $"{port:x4}" + "00080000");

    private protected V1.Steering Spec(params SteeringRule[] rules)
    {
        var steering = new V1.Steering
        {
            Name = "st",
            Spec = new SteeringSpec
            {
                Interface = VethLab.Device,
                NetworkNamespace = new V1.NetworkNamespace { Path = Space },
                XdpMode = Mode,
                Frags = Frags,
            },
        };
        steering.Spec.Rules.Add(rules);
        return steering;
    }

    private protected V1.Steering Set(params SteeringRule[] rules) => Steerings.Set(Spec(rules), validateOnly: false);

    private protected SteeringStatus Status() => Life.Resources.Steerings["st"].Describe(brief: true).Status;

    private protected SteeringVerdict Test(byte[] packet)
    {
        var asked = new TestSteering { Name = "st" };
        asked.Packets.Add(ByteString.CopyFrom(packet));
        return Assert.Single(Steerings.Test(asked).Verdicts);
    }

    private protected Reply Execute(Command command) => Assert.Single(Life.Dispatcher.Execute(command));

    private protected ulong Received(string socket) =>
        Life.Segment.Port(Life.Resources.Sockets[socket].Slot).Traffic.RxPackets;
}
