using Nf.DataPlane.Node;
using Nf.DataPlane.Ports;
using Nf.DataPlane.Xdp;
using Nf.Linux;
using Nf.V1;

namespace Nf.DataPlane.Control;

/// <summary>What the kernel granted: a bound socket, its rings, and the XDP program that feeds it.</summary>
internal sealed class XskBinding(
    AfXdpSocket socket, XskRings rings, XskPool pool, XskPort port, InterfaceProgram program) : IDisposable
{
    internal AfXdpSocket Socket { get; } = socket;

    internal XskRings Rings { get; } = rings;

    internal XskPool Pool { get; } = pool;

    internal XskPort Port { get; } = port;

    internal InterfaceProgram Program { get; } = program;

    /// <summary>True when zero-copy was granted.</summary>
    internal bool ZeroCopy { get; init; }

    /// <summary>Why it was not, where it was tried.</summary>
    internal string ModeReason { get; init; } = "";

    /// <summary>True when the UMEM registration is another socket's.</summary>
    internal bool SharedUmem { get; init; }

    /// <summary>
    /// The XDP_… flags that the kernel accepted: those of this socket, or of the first one on a registration that it
    /// shares, whose modes it then has. No option reads them back.
    /// </summary>
    internal required ushort BindFlags { get; init; }

    /// <summary>Descriptors per system call; 0 for the kernel's default.</summary>
    internal uint TxBudget { get; init; }

    /// <summary>The device whose settings this binding wants changed; null for none.</summary>
    internal DeviceBusyPoll? BusyPollDevice { get; init; }

    internal void Report(XskSocketStatus status)
    {
        status.Mode = ZeroCopy ? XskMode.ZeroCopy : XskMode.Copy;
        status.ModeReason = ModeReason;
        status.SharedUmem = SharedUmem;
        status.TxBudget = TxBudget;
        status.NeedWakeup = (BindFlags & IfXdp.XDP_USE_NEED_WAKEUP) != 0;

        // The socket takes several chunks only when its program does.
        status.ScatterGather = (BindFlags & IfXdp.XDP_USE_SG) != 0 && Program.Frags;
        Program.Report(status);
    }

    /// <summary>Unmaps the rings, then closes the socket: while a ring is mapped the kernel keeps it bound.</summary>
    public void Dispose()
    {
        Rings.Dispose();
        Socket.Dispose();
    }
}
