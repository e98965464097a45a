using Nf.DataPlane.Control;
using Nf.DataPlane.Memory;
using Nf.DataPlane.Tests.Xdp;
using Nf.DataPlane.Xdp;
using Nf.Internal.V1;
using Nf.SharedMemory.Segments;
using Nf.SharedMemory.Store;
using Nf.V1;

namespace Nf.DataPlane.Tests.Review;

/// <summary>
/// The control side of a life whose workers never start: what they are asked to do is done at once, and a test runs
/// their rounds itself.
/// </summary>
internal sealed class ReviewLife : IDisposable
{
    private readonly EventLoop _loop = new();

    /// <param name="store">Where the life leaves what the next one needs.</param>
    /// <param name="earlier">The segment and state of the life before; null for a first one.</param>
    internal ReviewLife(IKeeperStore store, ReviewLife? earlier = null)
    {
        Segment = earlier?.Segment ?? SegmentWriter.Create(0, 0, DateTimeOffset.UtcNow);
        State = earlier?.State ?? StateFile.Create();
        Workers = new WorkerSet(
            [0, 0], TimeSpan.Zero, Segment, State, (port, fault) => Faults.Add($"{port.Slot}: {fault}"));
        Resources = new Resources(
            Segment, State, new ResourceStore(store), new InterfacePrograms(XdpAttachPreference.Link), Workers,
            new EventLog(State, 0));
        Commands = new Commands(Resources, _loop);
    }

    internal SegmentWriter Segment { get; }

    internal StateFile State { get; }

    internal WorkerSet Workers { get; }

    internal Resources Resources { get; }

    internal Commands Commands { get; }

    internal EventLoop Loop => _loop;

    internal List<string> Faults { get; } = [];

    internal Reply Do(Internal.V1.Command command) => Commands.Dispatcher.Execute(command)[0];

    internal IReadOnlyList<string> Adopt(IReadOnlyList<StoreEntry> entries)
    {
        var adoption = new Adoption(Commands);
        adoption.Run(entries);
        adoption.Finish();
        return adoption.Faults;
    }

    internal UmemResource CreateUmem(string name, uint chunks, uint headroom = 0)
    {
        Check(Do(new Internal.V1.Command
        {
            CreateUmem = new CreateUmem
            {
                Umem = new V1.Umem
                {
                    Name = name,
                    Spec = new UmemSpec { SizeBytes = chunks * 2048, ChunkSizeBytes = 2048, HeadroomBytes = headroom },
                },
            },
        }));
        return Resources.Umem(name);
    }

    internal Reply Bind(
        VethLab lab, string name, string umem, uint queue = 0, string device = VethLab.Device, uint ring = 64,
        bool scatterGather = false) => Do(new Internal.V1.Command
        {
            BindXskSocket = new BindXskSocket
            {
                XskSocket = new XskSocket
                {
                    Name = name,
                    Spec = new XskSocketSpec
                    {
                        Umem = umem,
                        Interface = device,
                        NetworkNamespace = new V1.NetworkNamespace { Path = lab.Inner.Descriptor.OwnPath },
                        Queue = queue,
                        ScatterGather = scatterGather,
                        Rings = new RingSizes { Rx = ring, Tx = ring, Fill = ring, Completion = ring },
                    },
                },
            },
        });

    internal XskResource Bound(
        VethLab lab, string name, string umem, uint queue = 0, string device = VethLab.Device, uint ring = 64,
        bool scatterGather = false)
    {
        Check(Bind(lab, name, umem, queue, device, ring, scatterGather));
        return Resources.Socket(name);
    }

    internal void Link(string name, string a, string b) => Check(Do(new Internal.V1.Command
    {
        CreateLink = new CreateLink
        {
            Link = new Link
            {
                Name = name,
                Spec = new LinkSpec
                {
                    A = new Endpoint { XskSockets = { a } },
                    B = new Endpoint { XskSockets = { b } },
                },
            },
        },
    }));

    /// <summary>Closes what a process that dies would close; segment and state stay for the next life.</summary>
    public void Dispose()
    {
        foreach (XskResource socket in Resources.Sockets.Values)
        {
            socket.Binding?.Dispose();
            socket.Network.Dispose();
        }

        foreach (UmemResource umem in Resources.Umems.Values)
        {
            umem.Unmap();
            umem.Files.Dispose();
        }

        Commands.Dispose();
        Resources.Programs.Dispose();
        Workers.Dispose();
        _loop.Dispose();
    }

    private static void Check(Reply reply) => Assert.True(reply.Fault is null, reply.Fault?.Message);
}
