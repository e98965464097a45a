using Google.Protobuf;
using Nf.Internal.V1;
using Nf.Linux;
using XdpMode = Nf.V1.XdpMode;

namespace Nf.DataPlane.Xdp;

// Handing a program from one life of the data plane to the next.
internal sealed partial class InterfaceProgram
{
    private const uint StoredVersion = 1;
    private const int ProgramPosition = 0;
    private const int MapPosition = 1;
    private const int NamespacePosition = 2;
    private const int LinkPosition = 3;

    /// <summary>What the keeper has to hold for a later life to take the program over.</summary>
    /// <returns>A <see cref="StoredInterfaceProgram"/>, and descriptors that stay the program's own.</returns>
    internal (byte[] Metadata, FileDescriptor[] Descriptors) Describe()
    {
        var stored = new StoredInterfaceProgram
        {
            Version = StoredVersion,
            Ifindex = (uint)Ifindex,
            Mode = Mode,
            ModeReason = ModeReason,
            Attachment = _link is null ? ProgramAttachment.Netlink : ProgramAttachment.Link,
            ProgramId = ProgramId,
            Frags = Frags,
            QueueCountMax = QueueCountMax,
            Steered = IsSteered,
            ComingProgramId = _coming?.Program.Id ?? 0,
            ComingSteered = _coming?.Steered ?? false,
            ComingFrags = _coming?.Frags ?? false,
        };
        List<FileDescriptor> descriptors = [_program.Descriptor, _map.Descriptor, Network.Descriptor];
        if (_link is not null)
        {
            descriptors.Add(_link.Descriptor);
        }

        if (_coming is { } coming)
        {
            descriptors.Add(coming.Program.Descriptor);
        }

        return (stored.ToByteArray(), [.. descriptors]);
    }

    /// <summary>Takes a program over.</summary>
    /// <param name="metadata">From <see cref="Describe"/>.</param>
    /// <param name="descriptors">Its descriptors in the same order; they become the program's own.</param>
    /// <exception cref="AdoptionException">
    /// They do not describe a program that is still attached to its interface. The descriptors have been closed.
    /// </exception>
    internal static InterfaceProgram Adopt(ReadOnlySpan<byte> metadata, IReadOnlyList<FileDescriptor> descriptors)
    {
        try
        {
            InterfaceProgram program = Rebuild(ParseStored(metadata, descriptors.Count), descriptors);
            program.TakeComingIfItRuns();
            program.FinishInterruptedChange();
            return program.IsAttached(out string whyNot)
                ? program
                : throw new AdoptionException($"{program._target}: {whyNot}");
        }
        catch (Exception cause) when (cause is IOException or ArgumentException or AdoptionException)
        {
            foreach (FileDescriptor descriptor in descriptors)
            {
                descriptor.Dispose();
            }

            throw cause as AdoptionException ?? new AdoptionException($"interface program: {cause.Message}", cause);
        }
    }

    /// <summary>Whether the interface is there and runs this program.</summary>
    /// <param name="whyNot">What happened otherwise: device gone or moved, program detached or replaced.</param>
    internal bool IsAttached(out string whyNot)
    {
        XdpState state;
        try
        {
            state = XdpHook.Query(_target);
        }
        catch (LinuxException failure) when (failure.Errno is Errno.ENODEV or Errno.ENXIO)
        {
            whyNot = "the device is gone";
            return false;
        }

        // The id belongs to this program as long as we hold it, so an equal id is proof, of the device as well.
        uint present = state.ProgramIdIn(Mode);
        if (present == ProgramId)
        {
            whyNot = "";
            return true;
        }

        whyNot = state.IsEmpty
            ? "the device has no XDP program any more; it was detached or belongs to another device now"
            : $"the device has XDP program {state} in place of ours ({ProgramId})";
        return false;
    }

    private static StoredInterfaceProgram ParseStored(ReadOnlySpan<byte> metadata, int descriptorCount)
    {
        StoredInterfaceProgram stored;
        try
        {
            stored = StoredInterfaceProgram.Parser.ParseFrom(metadata);
        }
        catch (InvalidProtocolBufferException cause)
        {
            throw new AdoptionException($"interface program: {cause.Message}", cause);
        }

        int expected = (stored.Attachment == ProgramAttachment.Link ? LinkPosition + 1 : LinkPosition)
            + (stored.ComingProgramId == 0 ? 0 : 1);
        string? fault = stored switch
        {
            { Version: not StoredVersion } => $"version {stored.Version}, expected {StoredVersion}",
            { Ifindex: 0 or > int.MaxValue } => $"ifindex {stored.Ifindex}",
            { Mode: not (XdpMode.Native or XdpMode.Generic) } => $"mode {stored.Mode}",
            { Attachment: not (ProgramAttachment.Link or ProgramAttachment.Netlink) } =>
                $"attachment {stored.Attachment}",
            { QueueCountMax: 0 or > RedirectObject.QueueCountMax } => $"queue_count_max {stored.QueueCountMax}",
            _ when descriptorCount != expected => $"{descriptorCount} descriptors, expected {expected}",
            _ => null,
        };
        return fault is null ? stored : throw new AdoptionException($"interface program: {fault}");
    }

    private static InterfaceProgram Rebuild(StoredInterfaceProgram stored, IReadOnlyList<FileDescriptor> descriptors)
    {
        BpfProgram program = new BpfProgram(descriptors[ProgramPosition]);
        BpfMap map = new BpfMap(descriptors[MapPosition]);
        NetworkNamespace network = NetworkNamespace.Adopt(descriptors[NamespacePosition]);
        BpfLink? link = stored.Attachment == ProgramAttachment.Link ? new BpfLink(descriptors[LinkPosition]) : null;

        if (program.Id != stored.ProgramId)
        {
            throw new AdoptionException($"program descriptor has id {program.Id}, stored is {stored.ProgramId}");
        }

        if (map.Type != LinuxBpf.BPF_MAP_TYPE_XSKMAP || map.MaxEntries != stored.QueueCountMax)
        {
            throw new AdoptionException(
                $"map descriptor is of type {map.Type} with {map.MaxEntries}, " +
                $"expected an XSKMAP with {stored.QueueCountMax} slots");
        }

        var target = new InterfaceTarget(
            network, (int)stored.Ifindex, InterfaceQueues.TryReadName(network, (int)stored.Ifindex));
        var attached = new GrantedAttachment(link, stored.Mode, stored.ModeReason);
        var rebuilt = new InterfaceProgram(target, program, map, attached, stored.Frags, stored.QueueCountMax)
        {
            IsSteered = stored.Steered,
        };
        if (stored.ComingProgramId != 0)
        {
            rebuilt._coming = new ComingProgram(
                new BpfProgram(descriptors[^1]), stored.ComingSteered, stored.ComingFrags);
        }

        return rebuilt;
    }

    // A life that ended between the exchange for the frags flavour and telling the keeper left a link that runs a
    // program nobody has a descriptor of. The link is ours alone, so exchanging once more is safe.
    private void FinishInterruptedChange()
    {
        if (_link is null || Frags || IsSteered)
        {
            return;
        }

        if (_link.XdpIfindex != Ifindex || _link.ProgramId == ProgramId)
        {
            return;
        }

        BpfProgram frags = RedirectObject.Load(frags: true, _map);
        _link.Update(frags);
        TakeFrags(frags);
    }
}
