using System.Diagnostics;
using Nf.DataPlane.Control;
using Nf.DataPlane.Tests.Xdp;
using Nf.V1;
using XdpMode = Nf.V1.XdpMode;

namespace Nf.DataPlane.Tests.Control;

/// <summary>Every way to say what a socket is bound to and how, and what its status then says was granted.</summary>
[Collection(Alone.Name)]
[Trait("Tier", "kernel")]
public sealed class BindOptionsTests
{
    [Fact]
    public void Bind_ByIfindex_FindsTheInterface()
    {
        using var pairs = new TwoPairs();
        pairs.Life.CreateUmem("u");
        XskSocketSpec spec = pairs.Spec("u", "");
        spec.Ifindex = (uint)pairs.Lab.IfindexOf(VethLab.Device);

        XskSocketStatus status = pairs.Life.Bind("a", spec).Status;

        Assert.Equal((VethLab.Device, (uint)pairs.Lab.Ifindex), (status.Interface, status.Ifindex));
        pairs.Life.Bind("b", pairs.Spec("u", TwoPairs.SecondDevice));
        pairs.Life.Link("l", "a", "b");
        pairs.CheckTraffic(200);
        spec.Ifindex = 9999;
        Assert.Equal("INTERFACE_NOT_FOUND", ControlLife.Fault(() => pairs.Life.Bind("x", spec)));
    }

    [Fact]
    public void Bind_NamespaceByPid_OutlivesTheProcess()
    {
        using var pairs = new TwoPairs();
        pairs.Life.CreateUmem("u");
        XskSocketSpec spec = pairs.Spec("u", VethLab.Device);
        using Process inside = Process.Start("nsenter", [$"--net={pairs.Lab.InnerPath}", "sleep", "1000"]);
        WaitUntilInside(inside, pairs);
        spec.NetworkNamespace = new V1.NetworkNamespace { Pid = (uint)inside.Id };

        pairs.Life.Bind("a", spec);
        inside.Kill();
        inside.WaitForExit();

        pairs.Life.Bind("b", pairs.Spec("u", TwoPairs.SecondDevice));
        pairs.Life.Link("l", "a", "b");
        pairs.CheckTraffic(200);
        Assert.Equal("NAMESPACE_NOT_FOUND", ControlLife.Fault(() => pairs.Life.Bind("x", spec)));

        // nsenter changes its namespace after it was started.
        static void WaitUntilInside(Process process, TwoPairs pairs) => Await.Until(
            () =>
            {
                using Linux.NetworkNamespace its = Linux.NetworkNamespace.OpenPid(process.Id);
                return its.Identity == pairs.Lab.Inner.Identity;
            },
            "the process to be in the namespace");
    }

    private static readonly Dictionary<string, (Action<XskSocketSpec> Ask, Func<XskSocketStatus, bool> Granted)> All =
        new()
        {
            ["nothing"] = (_ => { }, s => s.NeedWakeup && !s.ScatterGather && s.XdpMode == XdpMode.Native),
            ["no need-wakeup"] = (s => s.NoNeedWakeup = true, s => !s.NeedWakeup),
            ["copy"] = (s => s.Mode = XskMode.Copy, s => (s.Mode, s.ModeReason) == (XskMode.Copy, "")),
            ["auto"] = (
                s => s.Mode = XskMode.Auto,
                s => s.Mode == XskMode.Copy && s.ModeReason.Contains("\"veth\"", StringComparison.Ordinal)),
            ["native"] = (s => s.XdpMode = XdpMode.Native, s => s.XdpMode == XdpMode.Native),
            ["generic"] = (s => s.XdpMode = XdpMode.Generic, s => s.XdpMode == XdpMode.Generic),
            ["scatter-gather"] = (s => s.ScatterGather = true, s => s.ScatterGather),
            ["generic, scatter-gather"] = (
                s => (s.XdpMode, s.ScatterGather) = (XdpMode.Generic, true),
                s => s.XdpMode == XdpMode.Generic && s.ScatterGather),
            ["busy poll"] = (s => s.BusyPoll = new BusyPoll { TimeoutUs = 20, Budget = 64 }, _ => true),
            ["busy poll, settings of the device"] = (
                s => s.BusyPoll = new BusyPoll
                {
                    TimeoutUs = 20,
                    Budget = 64,
                    DeferHardIrqs = 2,
                    GroFlushTimeoutNs = 200_000,
                },
                _ => true),
            ["rings of other sizes"] = (
                s => s.Rings = new RingSizes { Rx = 64, Tx = 256, Fill = 128, Completion = 512 },
                s => (s.Rings.Rx, s.Rings.Tx, s.Rings.Fill, s.Rings.Completion) == (64, 256, 128, 512)),
        };

    public static TheoryData<string> Options => [.. All.Keys];

    [Theory]
    [MemberData(nameof(Options))]
    public void Bind_Option_IsGrantedCarriesFramesAndIsAdopted(string option)
    {
        using var pairs = new TwoPairs();
        pairs.Life.CreateUmem("u");
        foreach ((string name, string device) in new[] { ("a", VethLab.Device), ("b", TwoPairs.SecondDevice) })
        {
            XskSocketSpec spec = pairs.Spec("u", device);
            All[option].Ask(spec);
            XskSocketStatus status = pairs.Life.Bind(name, spec).Status;
            Assert.True(All[option].Granted(status), $"{status}");
        }

        pairs.Life.Link("l", "a", "b");
        pairs.CheckTraffic(60, 1514);
        pairs.Succeed();
        Assert.Empty(pairs.Life.AdoptionFaults);
        XskSocketStatus adopted = pairs.Life.Resources.Socket("a").Describe().Status;
        Assert.True(All[option].Granted(adopted), $"{adopted}");
        pairs.CheckTraffic(60, 1514);
    }

    [Fact]
    public void Describe_SocketLostItsDevice_ClaimsNoGrant()
    {
        using var pairs = new TwoPairs();
        pairs.Life.CreateUmem("u");
        XskSocketSpec spec = pairs.Spec("u", VethLab.Device);
        spec.ScatterGather = true;
        XskSocketStatus bound = pairs.Life.Bind("s", spec).Status;
        Assert.True(bound.NeedWakeup && bound.ScatterGather);

        pairs.Lab.Inside($"link del {VethLab.Device}");
        XskResource socket = pairs.Life.Resources.Socket("s");
        pairs.Life.Until(() => socket.State == XskState.DeviceLost, "DEVICE_LOST");

        XskSocketStatus lost = socket.Describe().Status;
        Assert.False(lost.NeedWakeup || lost.ScatterGather);
    }

    [Fact]
    public void Bind_SharesARegistration_HasTheModesOfTheFirst()
    {
        using var pairs = new TwoPairs(queues: 2);
        pairs.Life.CreateUmem("u", 1024);
        foreach (uint queue in new[] { 0u, 1u })
        {
            XskSocketSpec spec = pairs.Spec("u", VethLab.Device, queue);
            spec.NoNeedWakeup = true;
            XskSocketStatus status = pairs.Life.Bind($"s{queue}", spec).Status;
            Assert.Equal((queue == 1, false), (status.SharedUmem, status.NeedWakeup));
        }
    }
}
