using Nf.DataPlane.Control;
using Nf.DataPlane.Lab;
using Nf.DataPlane.Tests.Xdp;
using Nf.SharedMemory.Segments;
using Nf.V1;

namespace Nf.DataPlane.Tests.Control;

/// <summary>
/// Links whose frames are spread over CPUs by the queues of a cpumap in user space, on the real kernel: two veth pairs,
/// workers on two CPUs.
/// </summary>
[Collection(Alone.Name)]
[Trait("Tier", "kernel")]
public sealed class SpreadTests : IDisposable
{
    private const string SecondDevice = "nfx2";
    private const string SecondPeer = "nfx3";
    private const int Flows = 8;

    // So many at most are on their way: less than any queue holds.
    private const ulong AheadMax = 50;

    private readonly VethLab _lab = VethLab.Create();
    private readonly FakeKeeper _keeper = new();
    private readonly ControlLife _life;
    private readonly UserspaceQueues _queues = new(2);

    public SpreadTests()
    {
        _lab.AddPair(SecondDevice, SecondPeer, 1, 1, 1);
        _life = new ControlLife(_keeper);
        _life.Resources.Queues.Add("m", _queues);
    }

    private string Space => $"/run/netns/{_lab.OuterName.Replace("-o-", "-i-", StringComparison.Ordinal)}";

    public void Dispose()
    {
        _life.Dispose();
        _keeper.Dispose();
        _lab.Dispose();
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void Link_EndpointWithACpumap_SpreadsFlowsAndKeepsTheirOrder(bool copies)
    {
        Set(0, 128);
        Set(1, 128);
        Bind(copies);
        Link(CpuSelectionKind.FlowHash);
        Carry(2000, _ => { });
        ulong[] processed = [.. new uint[] { 0, 1 }.Select(cpu => Crossings.CountsOf(_queues, cpu).Out.Processed)];
        Assert.All(processed, count => Assert.InRange(count, 1ul, 1999ul));
        Assert.Equal(2000ul, processed[0] + processed[1]);
        CheckSums();
        _life.Clear();
        Assert.Empty(_queues.Ways);
    }

    // Entries come, go and are replaced while frames flow: not one is lost, and none overtakes another of its flow
    // unless its flow was given another CPU.
    [Fact]
    public void Replace_UnderTraffic_LosesNothingAndKeepsOrder()
    {
        Set(0, 128);
        Set(1, 128);
        Bind(copies: false);
        Link(CpuSelectionKind.FlowHash);
        int replaced = 0;
        Carry(3000, i =>
        {
            if (i % 100 == 0)
            {
                Set((uint)(i / 100 % 2), 100 + (uint)(i / 100));
                replaced++;
            }
        });
        Assert.Equal(30, replaced);
        CheckSums();
        Assert.Equal(
            3000ul, Crossings.CountsOf(_queues, 0).Out.Processed + Crossings.CountsOf(_queues, 1).Out.Processed);
    }

    [Fact]
    public void Remove_UnderTraffic_OthersTakeItsFlows()
    {
        Set(0, 128);
        Set(1, 128);
        Bind(copies: false);
        Link(CpuSelectionKind.FlowHash);
        Carry(1000, i =>
        {
            if (i == 500)
            {
                End(1, Crossings.RemoveEntry(_queues, 1));
            }
        }, inOrder: false);
        CheckSums();
        Assert.Equal([0u], _queues.Entries.Keys);
    }

    // Case 106: the link goes while frames are on their way; they come home before their UMEM can go.
    [Fact]
    public void Delete_FramesOnTheirWay_ComeHomeFirst()
    {
        Set(1, 16384);
        Bind(copies: false);
        for (int i = 0; i < 20; i++)
        {
            Link(CpuSelectionKind.Fixed, cpu: 1);
            using var wire = new PacketWire(_lab.Outer, VethLab.Peer);
            for (ulong n = 0; n < 100; n++)
            {
                wire.Send(Frame(n));
            }

            _life.Links.Delete("l");
            Assert.Equal(0ul, _life.Resources.Socket("a").Port!.Rings.HandedOver);
            _life.CheckLedgers();
        }

        _life.Clear();
    }

    [Fact]
    public void Link_CpumapThatIsNotThere_IsRefused()
    {
        Bind(copies: false);
        Assert.Equal("UNKNOWN_RESOURCE", ControlLife.Fault(() => Link(CpuSelectionKind.FlowHash, cpumap: "other")));
        Assert.Equal("INVALID_SPEC", ControlLife.Fault(() => Link(CpuSelectionKind.FlowHash, cpu: 1)));
    }

    private static byte[] Frame(ulong number)
    {
        byte[] frame = PacketWire.Frame(number, 100);

        // A flow by its addresses.
        frame[11] = (byte)(number % Flows);
        return frame;
    }

    private void Bind(bool copies)
    {
        _life.CreateUmem("u");
        _life.Bind("a", "u", VethLab.Device, Space);
        if (copies)
        {
            _life.CreateUmem("v");
        }

        _life.Bind("b", copies ? "v" : "u", SecondDevice, Space);
    }

    private void Link(CpuSelectionKind kind, uint cpu = 0, string cpumap = "m")
    {
        var spec = new LinkSpec
        {
            A = new Endpoint
            {
                XskSockets = { "a" },
                Cpumap = new EndpointCpumap
                {
                    Cpumap = cpumap,
                    Selection = new CpuSelection { Kind = kind, Cpu = cpu },
                },
            },
            B = new Endpoint { XskSockets = { "b" } },
        };
        _life.Links.Create(new Link { Name = "l", Spec = spec });
    }

    private void Set(uint cpu, uint size)
    {
        Crossings crossings = _life.Resources.Crossings;
        var entry = new UserspaceEntry(
            cpu, _life.Resources.Workers.On((int)cpu),
            crossings.NewQueue(size, _queues.Entries.GetValueOrDefault(cpu)), null, []);
        End(cpu, crossings.SetEntry(_queues, entry));
    }

    private void End(uint cpu, UserspaceEntry? old)
    {
        if (old is null)
        {
            return;
        }

        _life.Until(old.IsDrained, "the old queue to be empty");
        UserspaceCounts counts = _queues.Earlier.GetValueOrDefault(cpu);
        old.Worker.Invoke(() => counts.Add(old));
        _queues.Earlier[cpu] = counts;
        _life.Resources.Crossings.End(old);
    }

    private void Carry(ulong count, Action<ulong> between, bool inOrder = true)
    {
        using var a = new PacketWire(_lab.Outer, VethLab.Peer);
        using var b = new PacketWire(_lab.Outer, SecondPeer);
        ulong sent = 0;
        var last = new ulong[Flows];
        var seen = new HashSet<ulong>();
        for (ulong received = 0; received < count; received++)
        {
            while (sent < count && sent < received + AheadMax)
            {
                between(sent);
                a.Send(Frame(++sent));
            }

            byte[] frame = b.Receive();
            ulong number = LabFrame.NumberOf(frame);
            Assert.Equal(Frame(number), frame);
            Assert.True(seen.Add(number), $"frame {number} came twice");
            Assert.True(!inOrder || number > last[number % Flows], $"frame {number} after {last[number % Flows]}");
            last[number % Flows] = number;
        }
    }

    private void CheckSums()
    {
        XskResource socket = _life.Resources.Socket("a");
        PortTraffic traffic = default;
        ulong drops = 0;
        _life.Until(() => socket.Port!.Rings.HandedOver == 0, "the frames to come home");
        socket.Umem.Worker.Invoke(() => (traffic, drops) = (socket.Port!.Traffic, socket.Port.DropsTotal()));
        Assert.Equal(traffic.RxPackets, traffic.LinkPackets + drops);
        Assert.Equal(0ul, drops);
        _life.CheckLedgers();
    }
}
