namespace Nf.Linux.Tests.Support;

/// <summary>A wire in its own namespace: frames sent by a socket on "va" arrive at a socket on "vb".</summary>
public sealed class XskBench : IDisposable
{
    private BpfLink? _link;

    public XskBench(int queues = 1, int mtu = 1500, uint fallback = LinuxBpf.XDP_DROP)
    {
        Space = new TestNamespace();
        try
        {
            Pair = new VethPair(Space, queues, mtu);
            Programs = StandardPrograms.Load(fallback: fallback);
        }
        catch
        {
            Space.Dispose();
            throw;
        }
    }

    public TestNamespace Space { get; }

    public VethPair Pair { get; }

    public BpfObject Programs { get; }

    public TestSocket OpenSender(XskSetup? setup = null) => new(Space, Pair.FirstIfindex, setup ?? new XskSetup());

    /// <summary>Opens a socket on "vb", attaches a program there and points its map to the socket.</summary>
    public TestSocket OpenReceiver(XskSetup? setup = null, string program = "to_socket", uint? slot = null)
    {
        setup ??= new XskSetup();
        var socket = new TestSocket(Space, Pair.SecondIfindex, setup);
        Programs.Maps["sockets"].Update(slot ?? (uint)setup.Queue, socket.Socket.Descriptor);
        Attach(program);
        return socket;
    }

    public void Attach(string program) => _link ??= Space.Run(
        () => BpfLink.AttachXdp(Programs.Programs[program], Pair.SecondIfindex, XdpMode.Native));

    public void Dispose()
    {
        _link?.Dispose();
        Programs.Dispose();
        Space.Dispose();
    }
}
