using System.Net.Sockets;
using Nf.DataPlane.Control;
using Nf.DataPlane.Tests.Control;
using Nf.DataPlane.Tests.Xdp;
using Nf.Internal.V1;
using Nf.SharedMemory.Store;
using Nf.V1;
using Command = Nf.Internal.V1.Command;

namespace Nf.DataPlane.Tests.Steering;

/// <summary>Steerings on real interfaces: where packets go, what is counted, and what survives.</summary>
[Trait("Tier", "kernel")]
public sealed class SteeringControlTests : SteeringTest
{
    [Fact]
    public void Rules_OnAVeth_PassAndDropAndCount()
    {
        V1.Steering set = Set(Rule("no", 5001, Drop), Rule("yes", 5000, Pass));
        using Socket listener = Lab.ListenInside(5000);
        using Socket refused = Lab.ListenInside(5001);
        using Socket to5000 = Lab.ConnectOutside(5000);
        using Socket to5001 = Lab.ConnectOutside(5001);

        to5001.Send(new byte[100]);
        to5000.Send([1]);

        Assert.Equal(1, listener.Receive(Buffer));
        Assert.Equal(0, refused.Available);
        Assert.Equal(SteeringState.Active, set.Status.State);
        SteeringStatus status = Status();
        Assert.Equal(
            new[] { ("no", 1ul, 142ul), ("yes", 1ul, 43ul) },
            status.Rules.Select(r => (r.Name, r.Packets, r.Bytes)).ToArray());
        Assert.Equal((0ul, 0ul), (status.DefaultPackets, status.ManagementPackets));
        Steerings.Publish();
        Assert.Equal(142ul, Life.Segment.SteeringRule((int)status.Rules[0].SegmentSlot).Bytes);
    }

    [Fact]
    public void Set_ManyTimesInAFlood_CountsEveryPacket()
    {
        Set(Rule("all", Port, Drop));
        using Socket sender = Lab.ConnectOutside(Port);
        SteeringResource steering = Life.Resources.Steerings["st"];
        RuleSlot slot = steering.Rules.Slots[0];
        bool stop = false;
        ulong sent = 0;
        var flood = new Thread(() =>
        {
            byte[] payload = new byte[64];
            while (!Volatile.Read(ref stop))
            {
                // Never so far ahead that the veth ring (256 frames) could overflow.
                if (sent < steering.Count(slot).Packets + 100)
                {
                    sender.Send(payload);
                    sent++;
                }
            }
        });
        flood.Start();
        for (uint i = 0; i < 100; i++)
        {
            // The rule moves, gets neighbours, and loses them again.
            Set([
                .. Enumerable.Range(0, (int)i % 7).Select(n => Rule($"n{n}", (uint)(6000 + n + i), Pass)),
                Rule("all", Port, Drop),
            ]);
        }

        Volatile.Write(ref stop, true);
        flood.Join();

        Await.Until(() => Status().Rules[^1].Packets == sent, "every packet to be counted");
        Assert.Equal(0ul, Status().DefaultPackets);
        Assert.Equal(101ul, Status().Revision);
    }

    [Fact]
    public void Steering_WithASocket_TakesAndGivesBackItsPackets()
    {
        Life.CreateUmem("u");
        Life.Bind("s", "u", VethLab.Device, Space);
        using Socket listener = Lab.ListenInside(Port);
        using Socket sender = Lab.ConnectOutside(Port);
        Set(Rule("stack", Port, Pass));

        sender.Send([7]);
        Assert.Equal((1, 7), (listener.Receive(Buffer), Buffer[0]));
        Steerings.Delete("st");
        sender.Send([8]);

        Life.Until(() => Received("s") == 1, "the packet at the socket");
        Assert.Equal(0, listener.Available);
    }

    [Fact]
    public void NextLife_AfterAKill_FindsRulesAndCountersUntouched()
    {
        uint program = Set(Rule("no", Port, Drop)).Status.ProgramId;
        using Socket sender = Lab.ConnectOutside(Port);
        sender.Send([1]);
        Life.Freeze();
        NextLife(Keeper.Snapshot());

        Assert.Empty(Life.AdoptionFaults);
        sender.Send([2]);
        SteeringStatus status = Status();
        Assert.Equal((program, 1ul, 2ul), (status.ProgramId, status.Revision, status.Rules[0].Packets));
        Assert.Equal("drop", Test(Udp(Port)).Action);
        Set(Rule("no", Port, Drop), Rule("other", 1, Drop));
        Assert.Equal(2ul, Status().Rules[0].Packets);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void NextLife_AfterAKillInAnExchange_GoesOnWithWhatRuns(bool exchanged)
    {
        Set(Rule("old", Port, Drop));
        IReadOnlyList<StoreEntry>? left = null;
        Keeper.Stored = key =>
        {
            if (left is null && key.StartsWith("xdp/", StringComparison.Ordinal))
            {
                // Both programs are with the keeper, and the life has not gone on.
                left = Keeper.Snapshot();
                if (!exchanged)
                {
                    throw new InvalidOperationException("the life ends here");
                }
            }
        };
        Exception? refused = Record.Exception(() => Set(Rule("new", Port, Drop)));
        Assert.Equal(exchanged, refused is null);
        Keeper.Stored = null;
        NextLife(left!);

        Assert.Empty(Life.AdoptionFaults);
        SteeringStatus status = Status();
        Assert.Equal(
            (SteeringState.Active, exchanged ? "new" : "old"), (status.State, Assert.Single(status.Rules).Name));
        using Socket sender = Lab.ConnectOutside(Port);
        sender.Send([1]);
        Await.Until(() => Status().Rules[0].Packets == 1, "the packet to be counted");
        Set(Rule("third", Port, Drop));
    }

    [Fact]
    public void Device_GoneAndBack_IsSteeredAgain()
    {
        Set(Rule("no", Port, Drop));
        Life.Commands.Devices.Sync();
        Lab.Inside($"link del {VethLab.Device}");
        Life.Until(() => Status().State == SteeringState.DeviceLost, "the loss to be told");

        Lab.AddPair(VethLab.Device, VethLab.Peer, 1, 1, 0);

        Life.Until(() => Status().State == SteeringState.Active, "the steering of the new device");
        using Socket sender = Lab.ConnectOutside(Port);
        sender.Send([1]);
        Await.Until(() => Status().Rules[0].Packets == 1, "the packet to be counted");
    }

    [Fact]
    public void Cpumap_EntriesThatComeAndGo_RulesFollow()
    {
        Execute(new Command
        {
            CreateCpumap = new CreateCpumap { Cpumap = new Cpumap { Name = "cm", Spec = new CpumapSpec() } },
        });
        Set(new SteeringRule
        {
            Name = "spread",
            Action = new SteeringAction { Cpumap = new ToCpumap { Cpumap = "cm" }, Fallback = SteeringFallback.Drop },
        });
        using Socket listener = Lab.ListenInside(Port);
        using Socket sender = Lab.ConnectOutside(Port);

        // The other CPU makes a packet of the frame as it is: its checksum must be finished.
        Xdp.Command.Run("ip", $"netns exec {Lab.OuterName} ethtool -K {VethLab.Peer} tx off");
        Assert.Equal("drop", Test(Udp(Port)).Action);
        Assert.Equal("FAILED", Execute(new Command { DeleteCpumap = new DeleteCpumap { Name = "cm" } })
            .ResultCase == Reply.ResultOneofCase.Fault ? "FAILED" : "deleted");

        Execute(new Command
        {
            UpdateCpumapEntry = new UpdateCpumapEntry
            {
                Cpumap = "cm",
                Entry = new CpumapEntrySpec { Cpu = 1, QueueSize = 64 },
                DrainTimeoutMs = 1000,
            },
        });

        SteeringVerdict verdict = Test(Udp(Port));
        Assert.Equal(("cpumap", "cm", 1u), (verdict.Action, verdict.Cpumap, verdict.Cpu));
        sender.Send([9]);
        Assert.Equal((1, 9), (listener.Receive(Buffer), Buffer[0]));
        Execute(new Command
        {
            DeleteCpumapEntry = new DeleteCpumapEntry { Cpumap = "cm", Cpu = 1, DrainTimeoutMs = 1000 },
        });
        Assert.Equal("drop", Test(Udp(Port)).Action);
        Steerings.Delete("st");
        Execute(new Command { DeleteCpumap = new DeleteCpumap { Name = "cm" } });
    }

    [Fact]
    public void Set_AnotherInterfaceOrAnotherName_IsRefused()
    {
        Set(Rule("no", Port, Drop));
        V1.Steering other = Spec();
        other.Name = "other";

        Assert.Equal("INTERFACE_STEERED", ControlLife.Fault(() => Steerings.Set(other, false)));
        other.Name = "st";
        other.Spec.Interface = "lo";
        Assert.Equal("INTERFACE_CHANGED", ControlLife.Fault(() => Steerings.Set(other, false)));
        other.Name = "third";
        other.Spec.Interface = "nowhere";
        Assert.Equal("INTERFACE_NOT_FOUND", ControlLife.Fault(() => Steerings.Set(other, false)));
        Assert.Equal("UNKNOWN_RESOURCE", ControlLife.Fault(() => Steerings.Delete("third")));
    }
}
