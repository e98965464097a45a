using Nf.DataPlane.Control;
using Nf.DataPlane.Xdp;
using Nf.Linux;
using Nf.SharedMemory.Broker;
using Nf.SharedMemory.Umems;
using Nf.V1;
using LeaseState = Nf.SharedMemory.Broker.LeaseState;
using XdpMode = Nf.V1.XdpMode;

namespace Nf.DataPlane.Broker;

/// <summary>Makes the sockets of leases: from a request to a bound AF_XDP socket that its client runs.</summary>
/// <remarks>
/// The order is that of <see cref="XskBinder"/>: socket, memory, rings, bind, what was granted, program, map. The fill
/// ring stays empty: it is the client's to fill. With memory of kind OWN only the client can register it (the kernel
/// takes the memory of who calls), so the socket goes out before it is bound. It has its rings already, because the
/// kernel has no limit for them, and refuses every bind but ours: it is restricted to an interface that does not exist.
/// </remarks>
internal sealed unsafe class LeaseBinder(Resources resources, XskReleaser releaser)
{
    /// <summary>The index of no interface: they are counted up from 1, one by one.</summary>
    private const int NoInterface = int.MaxValue;

    private static readonly ulong PageBytes = (ulong)Environment.SystemPageSize;

    /// <summary>Makes the socket of a lease; bound, or for kind OWN waiting for the client's memory.</summary>
    /// <param name="lease">Makes the lease of what was made, which is its from then on.</param>
    /// <param name="asked">In good form, and allowed.</param>
    /// <param name="geometry">Of the packet memory.</param>
    /// <param name="device">The interface.</param>
    /// <param name="network">Where it is; stays the caller's.</param>
    /// <param name="memory">The object of kind USER.</param>
    /// <exception cref="CommandFaultException">Nothing is left behind.</exception>
    internal Lease Make(
        Func<AfXdpSocket, FileDescriptor?, Lease> lease, in LeaseRequest asked, UmemGeometry geometry,
        XskDevice device, Linux.NetworkNamespace network, IClientMemory? memory)
    {
        try
        {
            return MakeHere(lease, asked, geometry, device, network, memory);
        }
        catch (LinuxException refusal)
        {
            throw XskFaults.OfBind(SpecOf(asked), device, refusal);
        }
    }

    private Lease MakeHere(
        Func<AfXdpSocket, FileDescriptor?, Lease> lease, in LeaseRequest asked, UmemGeometry geometry,
        XskDevice device, Linux.NetworkNamespace network, IClientMemory? memory)
    {
        FileDescriptor? file = null;
        AfXdpSocket? socket = null;
        Lease? made = null;
        try
        {
            socket = network.Run(AfXdpSocket.Create);
            switch (asked.MemoryKind)
            {
                case LeaseMemoryKind.Service:
                    file = MakeFile(asked, out ulong notes);
                    Register(socket, geometry, file, 0, (long)notes);
                    break;
                case LeaseMemoryKind.User:
                    Register(
                        socket, geometry, memory!.File, memory.FileOffset + (long)asked.MemoryOffset,
                        (long)geometry.SizeBytes);
                    break;
            }

            MakeRings(socket, asked);
            made = lease(socket, file);
            Describe(made, geometry, device);
            if (asked.MemoryKind == LeaseMemoryKind.Own)
            {
                socket.RestrictTo(NoInterface);
                made.Answer.State = LeaseState.Registering;
            }
            else
            {
                Bind(made, device);
            }

            return made;
        }
        catch
        {
            // What it owns is closed with it, and twice does no harm.
            made?.Dispose();
            socket?.Dispose();
            file?.Dispose();
            throw;
        }
    }

    /// <summary>Binds the socket of a lease whose client has registered its memory.</summary>
    /// <exception cref="CommandFaultException">The lease stays as it is.</exception>
    internal void BindRegistered(Lease lease)
    {
        XskDevice device = XskDevice.Find(lease.Network, SpecOf(lease.Asked));
        if (device.Link.Ifindex != lease.Answer.Ifindex)
        {
            throw new CommandFaultException(
                "INTERFACE_NOT_FOUND", $"interface {device.Link.Name} is another one by now", Errno.ENODEV);
        }

        try
        {
            lease.Socket.RestrictTo(device.Link.Ifindex);
            Bind(lease, device);
        }
        catch (LinuxException refusal)
        {
            lease.Socket.RestrictTo(NoInterface);
            throw refusal.Errno == Errno.EINVAL
                ? CommandFaultException.From("NOT_REGISTERED", "the memory is not registered (XDP_UMEM_REG)", refusal)
                : XskFaults.OfBind(SpecOf(lease.Asked), device, refusal);
        }
    }

    /// <summary>Has an adopted lease fed by the program that was adopted before it.</summary>
    /// <exception cref="CommandFaultException">The program cannot be had any more.</exception>
    internal void Readopt(Lease lease)
    {
        InterfaceProgram program = resources.Programs.Acquire(
            lease.Network, (int)lease.Answer.Ifindex, ModeOf(lease.Asked.Flags), NeedsFrags(lease.Asked.Flags));
        try
        {
            program.RestoreSocket(lease.Answer.Queue, lease.Socket);
            lease.Program = program;
        }
        catch
        {
            releaser.ReleaseShared(program, null, null);
            throw;
        }
    }

    /// <summary>Sends the packets of its queue to the stack, and gives the program back.</summary>
    internal void Unfeed(Lease lease)
    {
        if (lease.Program is { } program)
        {
            lease.Program = null;
            program.ClearSocket(lease.Answer.Queue);
            releaser.ReleaseShared(program, null, null);
        }
    }

    /// <summary>The same request, as the control plane would ask.</summary>
    internal static XskSocketSpec SpecOf(in LeaseRequest asked)
    {
        var spec = new XskSocketSpec
        {
            Queue = asked.Queue,
            ScatterGather = NeedsFrags(asked.Flags),
            NoNeedWakeup = (asked.Flags & LeaseFlags.NoNeedWakeup) != 0,
            XdpMode = ModeOf(asked.Flags),
            Umem = "of the lease",
            Mode = (asked.Flags & LeaseFlags.ZeroCopy) != 0 ? XskMode.ZeroCopy
                : (asked.Flags & LeaseFlags.Copy) != 0 ? XskMode.Copy : XskMode.Auto,
        };
        if (asked.Ifindex != 0)
        {
            spec.Ifindex = asked.Ifindex;
        }
        else
        {
            spec.Interface = asked.Interface.Text;
        }

        return spec;
    }

    private static XdpMode ModeOf(LeaseFlags flags) => (flags & LeaseFlags.Native) != 0 ? XdpMode.Native
        : (flags & LeaseFlags.Generic) != 0 ? XdpMode.Generic : XdpMode.Auto;

    private static bool NeedsFrags(LeaseFlags flags) => (flags & LeaseFlags.ScatterGather) != 0;

    private static FileDescriptor MakeFile(in LeaseRequest asked, out ulong notesOffset)
    {
        notesOffset = RoundUp(asked.MemoryBytes);
        long length = (long)(notesOffset + RoundUp(asked.NotesBytes));
        MemoryBudget.Require(length);
        FileDescriptor file = MemFile.Create("nf-lease", length, new MemFileOptions());
        try
        {
            MemFile.AddSeals(file, MemFileSeals.Shrink | MemFileSeals.Grow | MemFileSeals.Seal);
            return file;
        }
        catch
        {
            file.Dispose();
            throw;
        }
    }

    // The kernel wants the memory mapped by who registers it, and keeps the pages when it is not mapped any more.
    private static void Register(
        AfXdpSocket socket, UmemGeometry geometry, FileDescriptor file, long offset, long length)
    {
        using MappedMemory memory = MappedMemory.Map(file, offset, length, MapAccess.ReadWrite);
        socket.RegisterUmem(geometry.ToRegistration((ulong)memory.Address));
    }

    private static void MakeRings(AfXdpSocket socket, in LeaseRequest asked)
    {
        socket.SetRingSize(XdpRing.Rx, asked.RxEntries);
        socket.SetRingSize(XdpRing.Tx, asked.TxEntries);
        socket.SetRingSize(XdpRing.Fill, asked.FillEntries);
        socket.SetRingSize(XdpRing.Completion, asked.CompletionEntries);
    }

    private void Bind(Lease lease, XskDevice device)
    {
        lease.Socket.Bind(device.Link.Ifindex, (int)lease.Asked.Queue, XskBinder.FlagsOf(SpecOf(lease.Asked)));
        bool zeroCopy = (lease.Socket.GetOptions().flags & IfXdp.XDP_OPTIONS_ZEROCOPY) != 0;
        lease.Answer.TxBudget = XskBinder.TuneSending(lease.Socket, lease.Asked.TxEntries);
        InterfaceProgram program = resources.Programs.Acquire(
            lease.Network, device.Link.Ifindex, ModeOf(lease.Asked.Flags), NeedsFrags(lease.Asked.Flags));
        try
        {
            resources.Store.Put(program);
            program.SetSocket(lease.Asked.Queue, lease.Socket);
        }
        catch
        {
            releaser.ReleaseShared(program, null, null);
            throw;
        }

        lease.Program = program;
        lease.Answer.Granted = (zeroCopy ? LeaseFlags.ZeroCopy : LeaseFlags.Copy)
            | (program.Mode == XdpMode.Native ? LeaseFlags.Native : LeaseFlags.Generic)
            | (lease.Asked.Flags & LeaseFlags.NoNeedWakeup)
            | (program.Frags ? lease.Asked.Flags & LeaseFlags.ScatterGather : 0);
        lease.Answer.State = device.Link.IsUp ? LeaseState.Bound : LeaseState.DeviceDown;
    }

    private static void Describe(Lease lease, UmemGeometry geometry, XskDevice device)
    {
        LeaseRequest asked = lease.Asked;
        ref LeaseAnswer answer = ref lease.Answer;
        answer.Lease = lease.Id;
        answer.Ifindex = (uint)device.Link.Ifindex;
        answer.Queue = asked.Queue;
        (answer.RxEntries, answer.TxEntries) = (asked.RxEntries, asked.TxEntries);
        (answer.FillEntries, answer.CompletionEntries) = (asked.FillEntries, asked.CompletionEntries);
        (answer.MemoryKind, answer.MemoryHandle) = (asked.MemoryKind, asked.MemoryHandle);
        answer.MemoryBytes = asked.MemoryBytes;
        answer.ChunkBytes = geometry.ChunkSizeBytes;
        answer.HeadroomBytes = geometry.HeadroomBytes;
        answer.UmemFlags = geometry.Flags;
        answer.TxMetadataBytes = geometry.TxMetadataBytes;
        answer.NotesOffset = asked.NotesBytes == 0 ? 0 : RoundUp(asked.MemoryBytes);
        answer.NotesBytes = asked.NotesBytes;
        answer.FrameBytesMax = XskResource.FrameBytesOf(device.Link);
        answer.KeepSeconds = asked.KeepSeconds;
        answer.Offsets = lease.Socket.GetMmapOffsets();
        answer.Interface = InterfaceName.From(device.Link.Name);
        string[] mac = device.Link.Address.Split(':');
        for (int i = 0; mac.Length == 6 && i < 6; i++)
        {
            answer.Mac[i] = Convert.ToByte(mac[i], 16);
        }
    }

    private static ulong RoundUp(ulong bytes) => (bytes + PageBytes - 1) / PageBytes * PageBytes;
}
