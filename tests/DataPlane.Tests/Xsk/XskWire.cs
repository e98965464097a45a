using Nf.DataPlane.Tests.Control;
using Nf.DataPlane.Tests.Xdp;
using Nf.DataPlane.Xdp;
using Nf.Linux;
using XdpMode = Nf.V1.XdpMode;

namespace Nf.DataPlane.Tests.Xsk;

/// <summary>A veth pair with our ends on both sides: "near" sends and "far" receives, or the other way round.</summary>
/// <remarks>
/// The assertions are those of the kernel's own test program for AF_XDP (xskxceiver), in its modes as far as a veth has
/// them: the program in the driver or in the generic hook, with and without busy polling. It has no zero-copy.
/// </remarks>
internal sealed class XskWire : IDisposable
{
    private readonly List<XskEnd> _ends = [];
    private readonly InterfacePrograms _programs = new(XdpAttachPreference.Link);
    private readonly XdpMode _mode;
    private readonly bool _busyPoll;

    /// <param name="mode">One of <see cref="Modes"/>.</param>
    /// <param name="mtu">Bytes.</param>
    /// <param name="queues">Queues of each end, in each direction.</param>
    internal XskWire(string mode = "native", int mtu = 1500, int queues = 1)
    {
        _mode = mode.StartsWith("native", StringComparison.Ordinal) ? XdpMode.Native : XdpMode.Generic;
        _busyPoll = mode.EndsWith("busy poll", StringComparison.Ordinal);
        Lab = VethLab.Create(queues, queues, queues);
        Mtu = mtu;
        if (mtu != 1500)
        {
            Lab.Inside($"link set {VethLab.Device} mtu {mtu}");
            Lab.Outside($"link set {VethLab.Peer} mtu {mtu}");
        }

        NearIfindex = Lab.Outer.Run(() =>
        {
            using var netlink = new RouteNetlink();
            return netlink.FindLink(VethLab.Peer)!.Ifindex;
        });
    }

    internal static string[] ModeNames => ["native", "native, busy poll", "generic", "generic, busy poll"];

    internal static TheoryData<string> Modes => [.. ModeNames];

    internal VethLab Lab { get; }

    internal int Mtu { get; }

    internal int NearIfindex { get; }

    internal int FarIfindex => Lab.Ifindex;

    internal Linux.XdpMode LinuxMode => XdpHook.ToLinux(_mode);

    /// <summary>An end in the outer namespace, which only sends unless a program is attached to it.</summary>
    internal XskEnd Near(XskEndSetup? setup = null, bool receives = false) =>
        Open(Lab.Outer, NearIfindex, setup ?? new XskEndSetup(), receives);

    /// <summary>An end in the inner namespace, which receives by our program unless told otherwise.</summary>
    internal XskEnd Far(XskEndSetup? setup = null, bool receives = true) =>
        Open(Lab.Inner, FarIfindex, setup ?? new XskEndSetup(), receives);

    /// <summary>Our program on the far interface.</summary>
    internal InterfaceProgram FarProgram => _programs.All.Single(program => program.Ifindex == FarIfindex
        && program.Network.Identity == Lab.Inner.Identity);

    /// <summary>Closes an end before the wire goes.</summary>
    internal void Close(XskEnd end)
    {
        _ends.Remove(end);
        end.Dispose();
    }

    /// <summary>Numbered frames.</summary>
    internal static byte[][] Frames(int count, int length = 64) => Frames(count, _ => length);

    /// <summary>Numbered frames, each as long as asked for.</summary>
    internal static byte[][] Frames(int count, Func<int, int> length) =>
        [.. Enumerable.Range(1, count).Select(number => PacketWire.Frame((ulong)number, length(number)))];

    /// <summary>Sends frames a batch at a time; each must arrive, in order, byte for byte.</summary>
    internal static void Transfer(XskEnd from, XskEnd to, byte[][] frames, int batch = 64)
    {
        var received = new List<byte[]>();
        foreach (byte[][] some in frames.Chunk(batch))
        {
            from.Send(some, batch);
            received.AddRange(to.Receive(some.Length));
        }

        Assert.Equal(frames, received);
    }

    public void Dispose()
    {
        // Last first: an end that shares the UMEM of another came after it.
        for (int i = _ends.Count - 1; i >= 0; i--)
        {
            _ends[i].Dispose();
        }

        _programs.Dispose();
        Lab.Dispose();
    }

    private XskEnd Open(NetworkNamespace space, int ifindex, XskEndSetup setup, bool receives)
    {
        var end = new XskEnd(space, ifindex, setup with { BusyPoll = _busyPoll });
        _ends.Add(end);
        if (receives)
        {
            end.Post();
            _programs.Acquire(space, ifindex, _mode, setup.ScatterGather).SetSocket((uint)setup.Queue, end.Socket);
        }

        return end;
    }
}
