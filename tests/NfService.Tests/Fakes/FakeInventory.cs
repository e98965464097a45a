using Nf.Internal.V1;
using Nf.Linux;
using Nf.V1;

namespace Nf.Service.Tests;

/// <summary>What a fake data plane has, and the answers that follow from it.</summary>
internal sealed partial class FakeInventory
{
    private readonly Lock _lock = new();
    private readonly SortedDictionary<string, Umem> _umems = [];
    private readonly SortedDictionary<string, XskSocket> _sockets = [];
    private readonly SortedDictionary<string, VhostDevice> _devices = [];
    private readonly SortedDictionary<string, Link> _links = [];
    private readonly SortedDictionary<string, Bridge> _bridges = [];

    /// <summary>Entries per piece of an inventory.</summary>
    private const int PieceSize = 2;

    /// <summary>Addresses that each bridge has learned.</summary>
    public const int BridgeEntryCount = 5;

    /// <summary>Names of everything, as <c>type:name</c>.</summary>
    public IReadOnlyList<string> Names
    {
        get
        {
            lock (_lock)
            {
                return
                [
                    .. _umems.Keys.Select(n => $"umem:{n}"), .. _sockets.Keys.Select(n => $"xsk:{n}"),
                    .. _devices.Keys.Select(n => $"vhost:{n}"), .. _links.Keys.Select(n => $"link:{n}"),
                    .. _bridges.Keys.Select(n => $"bridge:{n}"), .. SteerNames,
                ];
            }
        }
    }

    /// <summary>Forgets everything, as a life does that could not adopt.</summary>
    public void Clear()
    {
        lock (_lock)
        {
            _umems.Clear();
            _sockets.Clear();
            _devices.Clear();
            _links.Clear();
            _bridges.Clear();
            ClearSteer();
        }
    }

    /// <summary>Changes the status of a device behind the service's back.</summary>
    public void Change(string device, Action<VhostDeviceStatus> change)
    {
        lock (_lock)
        {
            change(_devices[device].Status);
        }
    }

    /// <summary>Adds a UMEM behind the service's back.</summary>
    public void Add(Umem umem) => Answer(new Command { CreateUmem = new CreateUmem { Umem = umem } });

    public static Reply Fault(string reason, Errno errno, string call = "", string message = "told by the fake") =>
        new() { Fault = new Fault { Reason = reason, Errno = (int)errno, Call = call, Message = message } };

    public IReadOnlyList<Reply> Answer(Command command)
    {
        lock (_lock)
        {
            return command.CommandCase switch
            {
                Command.CommandOneofCase.GetInventory => Pieces(command.GetInventory.Brief),
                Command.CommandOneofCase.CreateUmem => [Create(command.CreateUmem.Umem)],
                Command.CommandOneofCase.DeleteUmem => [Delete(_umems, command.DeleteUmem.Name)],
                Command.CommandOneofCase.BindXskSocket => [Bind(command.BindXskSocket.XskSocket)],
                Command.CommandOneofCase.UnbindXskSocket => [Delete(_sockets, command.UnbindXskSocket.Name)],
                Command.CommandOneofCase.CreateLink => [Create(command.CreateLink.Link)],
                Command.CommandOneofCase.DeleteLink => [Delete(_links, command.DeleteLink.Name)],
                Command.CommandOneofCase.CreateVhostDevice => [Create(command.CreateVhostDevice.VhostDevice)],
                Command.CommandOneofCase.DeleteVhostDevice => [Delete(_devices, command.DeleteVhostDevice.Name)],
                Command.CommandOneofCase.CreateBridge => [Create(command.CreateBridge.Bridge)],
                Command.CommandOneofCase.DeleteBridge => [Delete(_bridges, command.DeleteBridge.Name)],
                Command.CommandOneofCase.GetBridgeEntries => [Entries(command.GetBridgeEntries)],
                Command.CommandOneofCase.GetInterfaces => [Interfaces()],
                Command.CommandOneofCase.AuditUmem =>
                    [new Reply { Ledger = new ChunkLedger { Free = 8, Closed = true } }],
                _ => [AnswerSteer(command)],
            };
        }
    }

    private static Reply Interfaces() => new()
    {
        Interfaces = new Interfaces { Interfaces_ = { new NetworkInterface { Name = "lo", Ifindex = 1 } } },
    };

    private static Reply Delete<T>(SortedDictionary<string, T> from, string name) =>
        from.Remove(name) ? new Reply { Done = new Done() } : Fault("UNKNOWN_RESOURCE", Errno.ENOENT);

    private static uint FreeSlot(IEnumerable<uint> taken)
    {
        uint slot = 0;
        var used = taken.ToHashSet();
        while (used.Contains(slot))
        {
            slot++;
        }

        return slot;
    }

    private Reply Create(Umem asked)
    {
        Umem umem = asked.Clone();
        umem.Status = new UmemStatus
        {
            State = UmemState.Ready,
            SegmentSlot = FreeSlot(_umems.Values.Select(u => u.Status.SegmentSlot)),
        };
        return _umems.TryAdd(umem.Name, umem) ? new Reply { Umem = umem } : Fault("NAME_TAKEN", Errno.EEXIST);
    }

    private Reply Bind(XskSocket asked)
    {
        XskSocket socket = asked.Clone();
        socket.Status = new XskSocketStatus
        {
            State = XskState.Bound,
            Interface = asked.Spec.Interface,
            Mode = XskMode.Copy,
            XdpMode = V1.XdpMode.Native,
            Rings = asked.Spec.Rings.Clone(),
            SegmentSlot = FreeSlot(_sockets.Values.Select(s => s.Status.SegmentSlot)
                .Concat(_devices.Values.SelectMany(d => d.Status.SegmentSlots))),
        };
        return !_umems.ContainsKey(asked.Spec.Umem) ? Fault("UNKNOWN_RESOURCE", Errno.ENOENT)
            : _sockets.TryAdd(socket.Name, socket) ? new Reply { XskSocket = socket }
            : Fault("NAME_TAKEN", Errno.EEXIST);
    }

    private Reply Create(VhostDevice asked)
    {
        VhostDevice device = asked.Clone();
        device.Status = new VhostDeviceStatus { State = VhostState.Listening };
        for (uint pair = 0; pair < asked.Spec.QueuePairs; pair++)
        {
            device.Status.SegmentSlots.Add(FreeSlot(_sockets.Values.Select(s => s.Status.SegmentSlot)
                .Concat(_devices.Values.Append(device).SelectMany(d => d.Status.SegmentSlots))));
        }

        return _devices.TryAdd(device.Name, device) ? new Reply { VhostDevice = device }
            : Fault("NAME_TAKEN", Errno.EEXIST);
    }

    private Reply Create(Bridge asked)
    {
        Bridge bridge = asked.Clone();
        bridge.Status = new BridgeStatus
        {
            State = BridgeState.Up,
            Entries = BridgeEntryCount,
            Ports = { new BridgePort { Number = 0, DroppedPackets = 3 }, new BridgePort { Number = 1 } },
        };
        return _bridges.TryAdd(bridge.Name, bridge) ? new Reply { Bridge = bridge } : Fault("NAME_TAKEN", Errno.EEXIST);
    }

    private Reply Entries(GetBridgeEntries asked)
    {
        BridgeEntry[] rest =
        [
            .. Enumerable.Range(0, BridgeEntryCount)
                .Select(i => new BridgeEntry { Mac = $"02:00:00:00:00:0{i}", Port = (uint)i % 2 })
                .Where(entry => string.CompareOrdinal(entry.Mac, asked.AfterMac) > 0),
        ];
        return !_bridges.ContainsKey(asked.Name) ? Fault("UNKNOWN_RESOURCE", Errno.ENOENT) : new Reply
        {
            BridgeEntries = new BridgeEntries
            {
                Entries = { rest.Take((int)asked.Limit) },
                More = rest.Length > asked.Limit,
            },
        };
    }

    private Reply Create(Link asked)
    {
        Link link = asked.Clone();
        link.Status = new LinkStatus { State = LinkState.Up, ZeroCopy = true };
        return _links.TryAdd(link.Name, link) ? new Reply { Link = link } : Fault("NAME_TAKEN", Errno.EEXIST);
    }

    // In pieces, as a data plane does whose inventory does not fit one packet.
    private List<Reply> Pieces(bool brief)
    {
        var replies = new List<Reply>();
        foreach (Umem[] piece in _umems.Values.Chunk(PieceSize))
        {
            replies.Add(new Reply { Inventory = new Inventory { Umems = { piece } }, More = true });
        }

        foreach (XskSocket[] piece in _sockets.Values.Chunk(PieceSize))
        {
            replies.Add(new Reply { Inventory = new Inventory { XskSockets = { piece } }, More = true });
        }

        foreach (VhostDevice[] piece in _devices.Values.Chunk(PieceSize))
        {
            replies.Add(new Reply { Inventory = new Inventory { VhostDevices = { piece } }, More = true });
        }

        replies.Add(new Reply { Inventory = SteerPiece(brief), More = true });
        replies.Add(new Reply
        {
            Inventory = new Inventory { Links = { _links.Values }, Bridges = { _bridges.Values } },
        });
        return replies;
    }
}
