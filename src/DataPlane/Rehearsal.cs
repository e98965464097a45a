using Nf.DataPlane.Control;
using Nf.DataPlane.Memory;
using Nf.DataPlane.Xdp;
using Nf.Internal.V1;
using Nf.Linux;
using Nf.SharedMemory.Segments;
using Nf.SharedMemory.Store;
using Nf.V1;

namespace Nf.DataPlane;

/// <summary>
/// Plays a whole life, its death and the adoption of what it left, in a network namespace of its own that nobody sees,
/// so that nothing of it has to be compiled when the turn of this life comes.
/// </summary>
/// <remarks>
/// The stage is the loopback device of an empty namespace. Where making one is not allowed (no CAP_SYS_ADMIN) the play
/// goes without a socket, and the takeover is a little slower (docs/performance.md).
/// </remarks>
internal static class Rehearsal
{
    private const string Name = "rehearsal";

    /// <summary>Rounds of traffic: beyond the thirty calls after which a method is compiled anew with
    /// optimisation.</summary>
    private const int Rounds = 64;

    /// <summary>Turns of the event loop that a front-end's words take at most.</summary>
    private const int TurnsMax = 100;

    internal static void Run(DataPlaneOptions options)
    {
        try
        {
            using Linux.NetworkNamespace? stage = MakeStage();
            using var store = new MemoryStore();
            using SegmentWriter segment = SegmentWriter.Create(0, 0, DateTimeOffset.UtcNow);
            using StateFile state = StateFile.Create();
            UnixStreamSocket[] ends = new UnixStreamSocket[2];
            (ends[0], UnixStreamSocket splitEnd) = UnixStreamSocket.SocketPair();
            (ends[1], UnixStreamSocket packedEnd) = UnixStreamSocket.SocketPair();
            using var split = new RehearsalGuest(splitEnd, packed: false);
            using var packed = new RehearsalGuest(packedEnd, packed: true);
            RehearsalGuest[] guests = [split, packed];
            using (var first = new Cast(options, store, segment, state))
            {
                first.Play(stage?.Descriptor.OwnPath);
                first.PlayGuests(guests, ends);
            }

            using var second = new Cast(options, store, segment, state);
            second.TakeOver(store.HandOver(), guests);
        }
        catch (Exception e) when (e is LinuxException or CommandFaultException)
        {
            Console.Error.WriteLine($"nf-dataplane: no rehearsal, a takeover will be slower: {e.Message}");
        }
    }

    private static Linux.NetworkNamespace? MakeStage()
    {
        try
        {
            return Linux.NetworkNamespace.CreateAnonymous();
        }
        catch (LinuxException e) when (e.Errno == Errno.EPERM)
        {
            Console.Error.WriteLine($"nf-dataplane: the rehearsal goes without a socket: {e.Message}");
            return null;
        }
    }

    /// <summary>A life without a keeper, whose workers never start: what they are asked to do is done at
    /// once.</summary>
    private sealed class Cast : IDisposable
    {
        private readonly EventLoop _loop = new();
        private readonly WorkerSet _workers;
        private readonly Commands _commands;

        internal Cast(DataPlaneOptions options, IKeeperStore store, SegmentWriter segment, StateFile state)
        {
            _workers = new WorkerSet(options.WorkerCpus, options.Spin, segment, state, (_, _) => { });
            var resources = new Resources(
                segment, state, new ResourceStore(store), new InterfacePrograms(options.Attach), _workers,
                new EventLog(state, 0));
            _commands = new Commands(resources, _loop);
        }

        /// <summary>Packet memory and, where there is a device, a socket linked to itself.</summary>
        internal void Play(string? networkPath)
        {
            Do(new Command
            {
                CreateUmem = new CreateUmem
                {
                    Umem = new V1.Umem
                    {
                        Name = Name,
                        Spec = new UmemSpec { SizeBytes = 256 * 2048, ChunkSizeBytes = 2048 },
                    },
                },
            });
            if (networkPath is not null)
            {
                PlaySocket(networkPath);
            }
        }

        private void PlaySocket(string networkPath)
        {
            Do(new Command
            {
                BindXskSocket = new BindXskSocket
                {
                    XskSocket = new XskSocket
                    {
                        Name = Name,
                        Spec = new XskSocketSpec
                        {
                            Umem = Name,
                            Interface = "lo",
                            NetworkNamespace = new V1.NetworkNamespace { Path = networkPath },
                            Rings = new RingSizes { Rx = 64, Tx = 64, Fill = 64, Completion = 64 },
                        },
                    },
                },
            });
            var end = new Endpoint { XskSockets = { Name } };
            Do(new Command
            {
                CreateLink = new CreateLink
                {
                    Link = new Link { Name = Name, Spec = new LinkSpec { A = end, B = end } },
                },
            });
        }

        /// <summary>Two guests at the ends of a link, which send each other frames.</summary>
        internal void PlayGuests(RehearsalGuest[] guests, UnixStreamSocket[] connections)
        {
            for (int i = 0; i < guests.Length; i++)
            {
                Do(new Command
                {
                    CreateVhostDevice = new CreateVhostDevice
                    {
                        VhostDevice = new VhostDevice
                        {
                            Name = $"{Name}-{i}",
                            Spec = new VhostDeviceSpec { SocketPath = $"/dev/null/{i}", Role = VhostRole.Client },
                        },
                    },
                });
                VhostResource device = _commands.Resources.VhostDevice($"{Name}-{i}");
                _commands.VhostSockets.Begin(device, connections[i]);
                guests[i].Greet();
                for (int turn = 0; turn < TurnsMax && device.State != VhostState.Started; turn++)
                {
                    _loop.RunOnce(timeoutMs: 10);
                }
            }

            Do(new Command
            {
                CreateLink = new CreateLink
                {
                    Link = new Link
                    {
                        Name = $"{Name}-guests",
                        Spec = new LinkSpec
                        {
                            A = new Endpoint { VhostDevice = $"{Name}-0" },
                            B = new Endpoint { VhostDevice = $"{Name}-1" },
                        },
                    },
                },
            });
            Exchange(guests);
        }

        internal void TakeOver(IReadOnlyList<StoreEntry> entries, RehearsalGuest[] guests)
        {
            var adoption = new Adoption(_commands);
            adoption.Run(entries);
            adoption.Finish();
            _commands.Devices.Sync();
            _commands.Resources.PublishStatistics();
            Do(new Command { GetInventory = new GetInventory() });
            Do(new Command { AuditUmem = new AuditUmem { Name = Name } });
            Exchange(guests);
            _commands.VhostSockets.Tick(Clock.MonotonicNs());
            foreach (XskResource socket in _commands.Resources.Sockets.Values.ToList())
            {
                _commands.Releaser.EndBinding(socket);
            }

            foreach (VhostResource device in _commands.Resources.VhostDevices.Values)
            {
                _commands.VhostSockets.Close(device);
            }
        }

        private void Exchange(RehearsalGuest[] guests)
        {
            Worker worker = _commands.Resources.VhostDevice($"{Name}-0").Worker;
            for (int round = 0; round < Rounds; round++)
            {
                foreach (RehearsalGuest guest in guests)
                {
                    guest.Offer(4);
                }

                worker.RunOnce();
            }
        }

        public void Dispose()
        {
            foreach (XskResource socket in _commands.Resources.Sockets.Values)
            {
                socket.Binding?.Dispose();
                socket.Network.Dispose();
            }

            foreach (UmemResource umem in _commands.Resources.Umems.Values)
            {
                umem.Unmap();
                umem.Files.Dispose();
            }

            _commands.Dispose();
            _commands.Resources.Programs.Dispose();
            _workers.Dispose();
            _loop.Dispose();
        }

        private void Do(Command command)
        {
            if (_commands.Dispatcher.Execute(command)[0] is { Fault: { } fault })
            {
                throw new CommandFaultException(fault.Reason, fault.Message, fault.Call, (Errno)fault.Errno);
            }
        }
    }
}
