using System.Diagnostics;
using Nf.Linux;
using XdpMode = Nf.V1.XdpMode;
using XskSocketStatus = Nf.V1.XskSocketStatus;

namespace Nf.DataPlane.Xdp;

/// <summary>
/// The XDP program of one interface and its map of sockets by queue. A queue without a socket passes its packets on to
/// the stack. Control thread only.
/// </summary>
internal sealed partial class InterfaceProgram : IDisposable
{
    private readonly BpfMap _map;
    private readonly BpfLink? _link;
    private BpfProgram _program;
    private InterfaceTarget _target;

    private InterfaceProgram(
        InterfaceTarget target, BpfProgram program, BpfMap map,
        in GrantedAttachment attached, bool frags, uint queueCountMax)
    {
        Debug.Assert(attached.Mode is XdpMode.Native or XdpMode.Generic, "the mode granted, never the one asked for");
        _target = target;
        _program = program;
        _map = map;
        _link = attached.Link;
        Mode = attached.Mode;
        ModeReason = attached.ModeReason;
        Frags = frags;
        QueueCountMax = queueCountMax;
        ProgramId = program.Id;
    }

    /// <summary>Where the interface is; the program's own reference.</summary>
    internal NetworkNamespace Network => _target.Network;

    /// <summary>The interface's index in <see cref="Network"/>.</summary>
    internal int Ifindex => _target.Ifindex;

    /// <summary>NATIVE or GENERIC.</summary>
    internal XdpMode Mode { get; }

    /// <summary>Why it runs in the generic hook where the driver was tried first; empty otherwise.</summary>
    internal string ModeReason { get; }

    /// <summary>"link" or "netlink".</summary>
    internal string Attachment => _link is null ? "netlink" : "link";

    /// <summary>The kernel's id of the program; another one after the change to frags.</summary>
    internal uint ProgramId { get; private set; }

    /// <summary>Whether it takes packets of several buffers.</summary>
    internal bool Frags { get; private set; }

    /// <summary>Queues the map has room for, in use or not.</summary>
    internal uint QueueCountMax { get; }

    /// <summary>Sockets that count on it, and the steering.</summary>
    internal int UserCount { get; set; }

    /// <summary>Sends what arrives on a queue to a socket from now on.</summary>
    /// <remarks>The kernel removes the entry by itself when the last reference to the socket is gone.</remarks>
    /// <exception cref="CommandFaultException">QUEUE_OUT_OF_RANGE.</exception>
    /// <exception cref="LinuxException">The kernel refused the socket.</exception>
    internal void SetSocket(uint queue, AfXdpSocket socket)
    {
        CheckQueue(queue);
        _map.Update(queue, socket.Descriptor);
    }

    /// <summary>As <see cref="SetSocket"/>, unless the queue has a socket of ours already.</summary>
    /// <exception cref="CommandFaultException">QUEUE_OUT_OF_RANGE.</exception>
    /// <exception cref="LinuxException">The kernel refused the socket.</exception>
    internal void RestoreSocket(uint queue, AfXdpSocket socket)
    {
        CheckQueue(queue);
        try
        {
            _map.Update(queue, socket.Descriptor, LinuxBpf.BPF_NOEXIST);
        }
        catch (LinuxException present) when (present.Errno == Errno.EEXIST)
        {
            // Another socket of the same queue.
        }
    }

    /// <summary>Passes what arrives on a queue to the stack from now on; no fault when it did so already.</summary>
    /// <exception cref="CommandFaultException">QUEUE_OUT_OF_RANGE.</exception>
    internal void ClearSocket(uint queue)
    {
        CheckQueue(queue);
        _map.Delete(queue);
    }

    /// <summary>Fills in what a socket's status tells about the program.</summary>
    internal void Report(XskSocketStatus status)
    {
        status.XdpMode = Mode;
        status.XdpModeReason = ModeReason;
        status.XdpAttachment = Attachment;
        status.XdpProgramId = ProgramId;
    }

    /// <summary>Attaches a new program with an empty map.</summary>
    /// <exception cref="CommandFaultException">As <see cref="InterfacePrograms.Acquire"/> lists.</exception>
    internal static InterfaceProgram Attach(
        NetworkNamespace network, int ifindex, XdpMode mode, bool frags, XdpAttachPreference preference)
    {
        NetworkNamespace own = network.Duplicate();
        BpfProgram? program = null;
        BpfMap? map = null;
        try
        {
            (string name, uint queueCountMax) = InterfaceQueues.Read(own, ifindex);
            var target = new InterfaceTarget(own, ifindex, name);
            (program, map) = LoadOrFault(target, frags, queueCountMax);
            GrantedAttachment attached = new XdpAttacher(target, preference).Attach(program, mode);
            return new InterfaceProgram(target, program, map, attached, frags, queueCountMax);
        }
        catch
        {
            program?.Dispose();
            map?.Dispose();
            own.Dispose();
            throw;
        }
    }

    /// <summary>Makes the program fit for one more socket, or says why it cannot.</summary>
    /// <exception cref="CommandFaultException">
    /// XDP_MODE_CONFLICT, SCATTER_GATHER_UNSUPPORTED, INTERFACE_NOT_FOUND.
    /// </exception>
    internal void Require(XdpMode mode, bool needFrags)
    {
        if (mode is XdpMode.Native or XdpMode.Generic && mode != Mode)
        {
            throw XdpFaults.ModeConflict(_target, mode, Mode);
        }

        if (needFrags && !Frags)
        {
            if (IsSteered)
            {
                throw XdpFaults.SteeredWithoutFrags(_target);
            }

            ChangeToFrags();
        }
    }

    /// <summary>
    /// Takes the program off the interface, unless somebody else's has taken its place or the device is gone.
    /// </summary>
    internal void Detach()
    {
        // A socket in a map keeps the map alive, and the keeper may hold the socket for a while yet.
        for (uint queue = 0; queue < QueueCountMax; queue++)
        {
            _map.Delete(queue);
        }

        try
        {
            if (_link is not null)
            {
                // Closing would not do: the keeper has a descriptor of the link as well.
                _link.Detach();
            }
            else
            {
                XdpHook.DetachByNetlink(_target, _program, Mode);
            }
        }
        catch (LinuxException failure) when (IsGoneAnyway(failure.Errno))
        {
            // Device gone, or netlink found a program of somebody else in the place of ours.
        }
    }

    /// <summary>Closes our descriptors and detaches nothing by itself: the keeper may hold the link.</summary>
    public void Dispose()
    {
        _link?.Dispose();
        _coming?.Program.Dispose();
        _program.Dispose();
        _map.Dispose();
        Network.Dispose();
    }

    // The map is the same one, so the packet after the exchange finds every socket that the packet before it found.
    private void ChangeToFrags()
    {
        BpfProgram frags;
        try
        {
            frags = RedirectObject.Load(frags: true, _map);
        }
        catch (BpfLoadException failure)
        {
            throw XdpFaults.FromLoad(_target, frags: true, failure);
        }

        try
        {
            if (_link is not null)
            {
                _link.Update(frags, _program);
            }
            else
            {
                XdpHook.ReplaceByNetlink(_target, frags, _program, Mode);
            }
        }
        catch (LinuxException failure)
        {
            frags.Dispose();
            throw XdpFaults.FromUpdate(_target, failure);
        }

        TakeFrags(frags);
    }

    private void TakeFrags(BpfProgram frags)
    {
        _program.Dispose();
        _program = frags;
        ProgramId = frags.Id;
        Frags = true;
    }

    private static (BpfProgram Program, BpfMap Map) LoadOrFault(InterfaceTarget target, bool frags, uint queueCountMax)
    {
        try
        {
            return RedirectObject.Load(frags, queueCountMax);
        }
        catch (BpfLoadException failure)
        {
            throw XdpFaults.FromLoad(target, frags, failure);
        }
    }

    private bool IsGoneAnyway(Errno errno) => _link is not null
        ? errno is Errno.ENOLINK
        : errno is Errno.ENODEV or Errno.EEXIST or Errno.EBUSY;

    private void CheckQueue(uint queue)
    {
        if (queue >= QueueCountMax)
        {
            throw new CommandFaultException(
                "QUEUE_OUT_OF_RANGE",
                $"queue {queue}: {_target} can have {QueueCountMax} receive queues at most",
                Errno.EINVAL);
        }
    }
}
