using Nf.DataPlane.Cpumaps;
using Nf.DataPlane.Forwarding;
using Nf.DataPlane.Memory;
using Nf.DataPlane.Ports;
using Nf.Linux;
using Nf.V1;

namespace Nf.DataPlane;

internal static unsafe partial class WarmUp
{
    /// <summary>Rounds through queues: each touches every step once.</summary>
    private const int CrossingRounds = 200;

    // From a socket through a queue with a program, and back to another socket, as if there were two workers.
    private static void WarmCrossings(
        StateFile state, PortTools tools, Forwarder forwarder, WarmPort first, WarmPort second)
    {
        var homes = new CrossingHomes();
        using var home = new CrossingHome(0, homes, new FrameRecords(Entries, 1));
        using var away = new CrossingHome(1, homes, new FrameRecords(1, 1));
        using var otherTools = new PortTools(state.Record(1), _ => { });
        var other = new Forwarder(otherTools);
        tools.Home = home;
        otherTools.Home = away;
        using var back = new CrossingOut(new HandoverRing(Entries), homes)
        {
            Default = new CrossingOut.Onward(second.Port),
        };
        using var onward = new CrossingIn(null, new CrossingSelector.Fixed(0), 1);
        onward.SetLane(0, back.Ring);
        using var filter = new CrossingFilter(
            FilterCompiler.Compile([new[] { new ClassicInstruction(ClassicBpf.ClassReturn, 0, 0, 0) }]),
            [FilterAction.Drop], [null]);
        using var entry = new CrossingOut(new HandoverRing(Entries), homes)
        {
            Default = new CrossingOut.Onward(onward),
            Filter = filter,
        };
        var cpus = new CpuSelector(CpuSelectionKind.FlowHash, 0, null, [0]);
        using var way = new CrossingIn(first.Port, new FlowSelector(cpus), 1);
        way.SetLane(0, entry.Ring);
        home.Register(way);
        Port[] here = [home, first.Port, second.Port, way, back];
        Port[] there = [away, onward, entry];
        Array.ForEach(here, port => port.AttachTo(tools));
        Array.ForEach(there, port => port.AttachTo(otherTools));
        first.Port.Peer = way;
        for (int round = 0; round < CrossingRounds; round++)
        {
            first.Receive(state.Record(0), round % 16 == 0 ? 0u : 4);
            Round(forwarder, here);
            Round(other, there);
            second.Complete();
            second.Port.Pool.ReapCompletions();
        }

        first.Port.Peer = null;
        Round(forwarder, here);
        Array.ForEach(here, port => port.Detach());
        Array.ForEach(there, port => port.Detach());
        tools.Home = null;
    }

    private static void Round(Forwarder forwarder, Port[] ports)
    {
        foreach (Port port in ports)
        {
            forwarder.Run(port);
        }

        foreach (Port port in ports)
        {
            if (port.NeedsFlush)
            {
                port.Flush();
            }

            port.EnableWakeUps();
            port.DisableWakeUps();
            port.PublishLevels();
        }
    }
}
