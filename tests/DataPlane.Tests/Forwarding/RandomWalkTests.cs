using Nf.DataPlane.Lab;
using Nf.DataPlane.Tests.Ports;
using Nf.Linux;
using Nf.SharedMemory.Segments;

namespace Nf.DataPlane.Tests.Forwarding;

/// <summary>
/// Random operations against a model that knows one thing: frames come out in order, once, intact, or are counted.
/// </summary>
public class RandomWalkTests
{
    // Times ten walks.
    private const int Operations = 100_000;

    private static readonly LabPlan[] Plans =
    [
        .. LabPlan.Known,
        new("odd", [new(40, 3000, 64, true), new(37, 2048, TxMetadata: 24)], [new(0, 1), new(1, 0)]),
        new("triangle", [new(100), new(90)], [new(0, 1), new(0, 2), new(1, 0)], uint.MaxValue - 5000),
        new("scarce", [new(5), new(3, 4096)], [new(0, 1), new(1, 0)]),
    ];

    public static TheoryData<string, int> Walks
    {
        get
        {
            var walks = new TheoryData<string, int>();
            foreach (LabPlan plan in Plans)
            {
                walks.Add(plan.Name, 1);
            }

            return walks;
        }
    }

    [Theory]
    [MemberData(nameof(Walks))]
    public void Walk_AnyOperations_SumsCloseAndOrderHolds(string plan, int seed)
    {
        using var walk = new Walk(Plans.Single(p => p.Name == plan), seed);
        for (int i = 0; i < Operations; i++)
        {
            walk.Step();
            if (i % 500 == 0)
            {
                walk.Check();
            }
        }

        walk.Finish();
    }

    private sealed class Walk(LabPlan plan, int seed) : IDisposable
    {
        private readonly Rig _rig = new(plan);
        private readonly Random _random = new(seed);
        private readonly ulong[] _accepted = new ulong[plan.Ports.Length];
        private readonly ulong[] _lastSeen = new ulong[plan.Ports.Length];
        private readonly ulong[] _sent = new ulong[plan.Ports.Length];
        private ulong _number;

        internal void Step()
        {
            int port = _random.Next(plan.Ports.Length);
            switch (_random.Next(100))
            {
                case < 45:
                    Receive(port);
                    break;
                case < 70:
                    _rig.Round();
                    break;
                case < 84:
                    _rig.Kernel.Send(port, _rig.Sent[port], (uint)_random.Next(1, 80));
                    TakeSent(port);
                    break;
                case < 95:
                    _rig.Kernel.Complete(port, _random.Next(1, 80));
                    break;
                case 95:
                    _rig.Life.Ports[port].IsUp = _random.Next(4) != 0;
                    break;
                case 96:
                    _rig.Life.Ports[port].FrameBytesMax = (uint)_random.Next(60, 10000);
                    break;
                case 97:
                    Lie(port);
                    break;
                case 98:
                    _rig.Kernel.LieComplete(port, (ulong)_random.NextInt64());
                    break;
                default:
                    if (_random.Next(20) == 0)
                    {
                        _rig.Succeed();
                    }

                    break;
            }
        }

        internal void Check()
        {
            string fault = _rig.Life.Audit();

            // A lie that waits in an RX ring is one until the worker has looked at it.
            bool lies = fault.Contains("in the RX ring", StringComparison.Ordinal)
                && fault.Contains("is outside the UMEM", StringComparison.Ordinal);
            Assert.True(fault.Length == 0 || lies, fault);
            for (int port = 0; port < plan.Ports.Length; port++)
            {
                PortTraffic traffic = _rig.Traffic(port);
                ulong handedOver = _rig.Life.Ports[port].Rings.HandedOver;
                Assert.Equal(traffic.RxPackets, traffic.LinkPackets + _rig.Drops(port) + handedOver);
                Assert.True(traffic.RxPackets <= _accepted[port]);
            }
        }

        internal void Finish()
        {
            foreach (var port in _rig.Life.Ports)
            {
                port.IsUp = true;
            }

            for (int i = 0; i < 20; i++)
            {
                _rig.Settle();
                for (int port = 0; port < plan.Ports.Length; port++)
                {
                    _rig.Kernel.Complete(port);
                    TakeSent(port);
                }
            }

            Check();
            for (int port = 0; port < plan.Ports.Length; port++)
            {
                PortTraffic traffic = _rig.Traffic(port);
                Assert.Equal(_accepted[port], traffic.RxPackets);
                Assert.Equal(_sent[port], traffic.TxPackets);
                Assert.Equal(0u, _rig.Life.Ports[port].Pool.TxHeld);
            }
        }

        public void Dispose() => _rig.Dispose();

        private void Receive(int port)
        {
            int length = _random.Next(8) switch
            {
                0 => _random.Next(LabFrame.BytesMin, 1792),
                1 => _random.Next(LabFrame.BytesMin, 9018),
                _ => 60,
            };
            if (_rig.Kernel.Receive(port, LabFrame.Make(++_number, length)))
            {
                _accepted[port]++;
            }
        }

        private void Lie(int port)
        {
            // Never the number of a chunk that it was given: such a lie is a packet.
            if (_rig.Life.Ports[port].Rx.Level < 32)
            {
                ulong address = (1UL << 47) | (ulong)_random.NextInt64(1L << 40);
                _rig.Kernel.Lie(port, new xdp_desc { addr = address, len = 60 });
                _accepted[port]++;
            }
        }

        // What leaves by a port came in by one or more others, whose numbers grow.
        private void TakeSent(int port)
        {
            foreach (byte[] frame in _rig.Sent[port])
            {
                Assert.True(LabFrame.IsIntact(frame), $"frame {LabFrame.NumberOf(frame)} is damaged");
                ulong number = LabFrame.NumberOf(frame);
                int sources = plan.Ports.Count(other => other.Peer == port);
                Assert.True(
                    sources > 1 || number > _lastSeen[port],
                    $"frame {number} left by port {port} after {_lastSeen[port]}");
                _lastSeen[port] = number;
                _sent[port]++;
            }

            _rig.Sent[port].Clear();
        }
    }
}
