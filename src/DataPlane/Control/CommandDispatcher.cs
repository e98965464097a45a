using Google.Protobuf;
using Nf.DataPlane.Node;
using Nf.Internal.V1;
using Nf.Linux;
using Nf.V1;

namespace Nf.DataPlane.Control;

/// <summary>Carries out one command and says what came of it.</summary>
internal sealed class CommandDispatcher(Commands commands)
{
    /// <summary>Bytes of resources in one reply, well below the packet limit.</summary>
    private const int InventoryBytesMax = 32 * 1024;

    /// <summary>Characters of a name.</summary>
    private const int NameCharsMax = 63;

    private readonly Resources _resources = commands.Resources;

    /// <summary>Carries out a command; every reply but the last has <c>more</c> set.</summary>
    /// <param name="command">What to do.</param>
    /// <param name="later">
    /// Is given the reply of a command that takes a while, for which none is returned. Null to wait for it here.
    /// </param>
    internal IReadOnlyList<Reply> Execute(Command command, Action<Reply>? later = null)
    {
        IReadOnlyList<Reply> replies;
        try
        {
            if (TryBegin(command) is { } pending)
            {
                return Await(command.Id, pending, later);
            }

            replies = command.CommandCase == Command.CommandOneofCase.GetInventory
                ? Inventory(command.GetInventory.Brief)
                : [ExecuteOne(command)];
        }
        catch (Exception failure) when (CommandReplies.TryFailed(failure) is { } reply)
        {
            replies = [reply];
        }

        foreach (Reply reply in replies)
        {
            reply.Id = command.Id;
        }

        return replies;
    }

    // What may wait for the kernel; null when the command is none of these.
    private PendingReply? TryBegin(Command command)
    {
        switch (command.CommandCase)
        {
            case Command.CommandOneofCase.DeleteCpumap:
                return commands.Cpumaps.Delete(command.DeleteCpumap.Name);
            case Command.CommandOneofCase.UpdateCpumapEntry:
                return commands.Cpumaps.Update(command.UpdateCpumapEntry);
            case Command.CommandOneofCase.DeleteCpumapEntry:
                return commands.Cpumaps.DeleteEntry(command.DeleteCpumapEntry);
            case Command.CommandOneofCase.LoadCpumapProgram:
                return commands.CpumapPrograms.Load(Checked(command.LoadCpumapProgram.Program));
            default:
                return null;
        }
    }

    private IReadOnlyList<Reply> Await(ulong id, PendingReply pending, Action<Reply>? later)
    {
        if (later is null)
        {
            commands.Background.WaitFor(pending, () => commands.Cpumaps.Tick(Clock.MonotonicNs()));
        }

        if (pending.Reply is { } reply)
        {
            reply.Id = id;
            return [reply];
        }

        pending.Then(known =>
        {
            known.Id = id;
            later!(known);
        });
        return [];
    }

    private Reply ExecuteOne(Command command)
    {
        switch (command.CommandCase)
        {
            case Command.CommandOneofCase.CreateUmem:
                return new Reply { Umem = commands.Umems.Create(Checked(command.CreateUmem.Umem)) };
            case Command.CommandOneofCase.DeleteUmem:
                commands.Umems.Delete(command.DeleteUmem.Name);
                return CommandReplies.Done();
            case Command.CommandOneofCase.BindXskSocket:
                XskSocket bound = commands.Sockets.Bind(Checked(command.BindXskSocket.XskSocket));
                commands.Devices.Sync();
                return new Reply { XskSocket = bound };
            case Command.CommandOneofCase.UnbindXskSocket:
                commands.Sockets.Unbind(command.UnbindXskSocket.Name);
                commands.Devices.Sync();
                return CommandReplies.Done();
            case Command.CommandOneofCase.CreateLink:
                Link link = commands.Links.Create(Checked(command.CreateLink.Link));
                commands.VhostSockets.FollowLinks();
                return new Reply { Link = link };
            case Command.CommandOneofCase.DeleteLink:
                commands.Links.Delete(command.DeleteLink.Name);
                commands.VhostSockets.FollowLinks();
                return CommandReplies.Done();
            case Command.CommandOneofCase.CreateVhostDevice:
                return new Reply
                {
                    VhostDevice = commands.VhostDevices.Create(Checked(command.CreateVhostDevice.VhostDevice)),
                };
            case Command.CommandOneofCase.DeleteVhostDevice:
                commands.VhostDevices.Delete(command.DeleteVhostDevice.Name);
                return CommandReplies.Done();
            case Command.CommandOneofCase.CreateBridge:
                Bridge bridge = commands.Bridges.Create(Checked(command.CreateBridge.Bridge));
                commands.VhostSockets.FollowLinks();
                return new Reply { Bridge = bridge };
            case Command.CommandOneofCase.DeleteBridge:
                commands.Bridges.Delete(command.DeleteBridge.Name);
                commands.VhostSockets.FollowLinks();
                return CommandReplies.Done();
            case Command.CommandOneofCase.GetBridgeEntries:
                return new Reply { BridgeEntries = commands.Bridges.Entries(command.GetBridgeEntries) };
            case Command.CommandOneofCase.AuditUmem:
                return new Reply { Ledger = _resources.Umem(command.AuditUmem.Name).Audit() };
            case Command.CommandOneofCase.CreateCpumap:
                return new Reply { Cpumap = commands.Cpumaps.Create(Checked(command.CreateCpumap.Cpumap)) };
            case Command.CommandOneofCase.UnloadCpumapProgram:
                commands.CpumapPrograms.Unload(command.UnloadCpumapProgram.Name);
                return CommandReplies.Done();
            case Command.CommandOneofCase.SetSteering:
                V1.Steering set = commands.Steerings.Set(
                    Checked(command.SetSteering.Steering), command.SetSteering.ValidateOnly);
                commands.Devices.Sync();
                return new Reply { Steering = set };
            case Command.CommandOneofCase.DeleteSteering:
                commands.Steerings.Delete(command.DeleteSteering.Name);
                commands.Devices.Sync();
                return CommandReplies.Done();
            case Command.CommandOneofCase.TestSteering:
                return new Reply { Verdicts = commands.Steerings.Test(command.TestSteering) };
            case Command.CommandOneofCase.GetInterfaces:
                return Interfaces(command.GetInterfaces);
            default:
                return ExecuteLease(command);
        }
    }

    private Reply ExecuteLease(Command command)
    {
        switch (command.CommandCase)
        {
            case Command.CommandOneofCase.IssueLeaseToken:
                return new Reply { LeaseToken = commands.Leases.Issue(command.IssueLeaseToken) };
            case Command.CommandOneofCase.RevokeLease:
                commands.Leases.Revoke(command.RevokeLease.Id);
                return CommandReplies.Done();
            case Command.CommandOneofCase.RevokeLeaseToken:
                commands.Leases.RevokeToken(command.RevokeLeaseToken.Name);
                return CommandReplies.Done();
            default:
                return CommandReplies.Failed(
                    "the command is unknown to this data plane", "", Errno.EOPNOTSUPP, "UNKNOWN_COMMAND");
        }
    }

    private static Reply Interfaces(GetInterfaces asked)
    {
        using Linux.NetworkNamespace network = XskCommands.OpenNetwork(asked.NetworkNamespace);
        var interfaces = new Interfaces();
        interfaces.Interfaces_.AddRange(InterfaceInventory.Read(network));
        return new Reply { Interfaces = interfaces };
    }

    private List<Reply> Inventory(bool brief)
    {
        var replies = new List<Reply>();
        var inventory = new Inventory();
        int bytes = 0;
        foreach (IMessage resource in _resources.Umems.Values.Select(umem => (IMessage)umem.Describe())
                     .Concat(_resources.Sockets.Values.Select(socket => socket.Describe()))
                     .Concat(_resources.VhostDevices.Values.Select(
                         device => VhostStatus.Describe(device, _resources)))
                     .Concat(_resources.Links.Values.Select(link => link.Describe()))
                     .Concat(_resources.Bridges.Values.Select(bridge => bridge.Describe()))
                     .Concat(_resources.CpumapPrograms.Values.Select(
                         program => program.Describe(_resources.Cpumaps.Values, brief)))
                     .Concat(_resources.Cpumaps.Values.Select(commands.Cpumaps.Describe))
                     .Concat(_resources.Steerings.Values.Select(steering => steering.Describe(brief)))
                     .Concat(commands.Leases.Describe()))
        {
            int size = resource.CalculateSize();
            if (bytes + size > InventoryBytesMax && bytes != 0)
            {
                replies.Add(new Reply { Inventory = inventory, More = true });
                inventory = new Inventory();
                bytes = 0;
            }

            bytes += size;
            switch (resource)
            {
                case Umem umem:
                    inventory.Umems.Add(umem);
                    break;
                case XskSocket socket:
                    inventory.XskSockets.Add(socket);
                    break;
                case VhostDevice device:
                    inventory.VhostDevices.Add(device);
                    break;
                case Link link:
                    inventory.Links.Add(link);
                    break;
                case Bridge bridge:
                    inventory.Bridges.Add(bridge);
                    break;
                case CpumapProgram program:
                    inventory.CpumapPrograms.Add(program);
                    break;
                case V1.Steering steering:
                    inventory.Steerings.Add(steering);
                    break;
                case Cpumap cpumap:
                    inventory.Cpumaps.Add(cpumap);
                    break;
                case Lease lease:
                    inventory.Leases.Add(lease);
                    break;
            }
        }

        replies.Add(new Reply { Inventory = inventory });
        return replies;
    }

    private static Umem Checked(Umem? umem)
    {
        CheckName("create_umem.umem", umem?.Name);
        return umem!.Spec is not null ? umem : throw Missing("create_umem.umem.spec");
    }

    private static XskSocket Checked(XskSocket? socket)
    {
        CheckName("bind_xsk_socket.xsk_socket", socket?.Name);
        return socket!.Spec is not null ? socket : throw Missing("bind_xsk_socket.xsk_socket.spec");
    }

    private static Link Checked(Link? link)
    {
        CheckName("create_link.link", link?.Name);
        return link!.Spec is { A: not null, B: not null } ? link : throw Missing("create_link.link.spec.a and b");
    }

    private static VhostDevice Checked(VhostDevice? device)
    {
        CheckName("create_vhost_device.vhost_device", device?.Name);
        return device!.Spec is not null ? device : throw Missing("create_vhost_device.vhost_device.spec");
    }

    private static V1.Steering Checked(V1.Steering? steering)
    {
        CheckName("set_steering.steering", steering?.Name);
        return steering!.Spec is not null ? steering : throw Missing("set_steering.steering.spec");
    }

    private static Bridge Checked(Bridge? bridge)
    {
        CheckName("create_bridge.bridge", bridge?.Name);
        return bridge!.Spec is not null ? bridge : throw Missing("create_bridge.bridge.spec");
    }

    private static Cpumap Checked(Cpumap? cpumap)
    {
        CheckName("create_cpumap.cpumap", cpumap?.Name);
        return cpumap!.Spec is not null ? cpumap : throw Missing("create_cpumap.cpumap.spec");
    }

    private static CpumapProgram Checked(CpumapProgram? program)
    {
        CheckName("load_cpumap_program.program", program?.Name);
        return program!.Spec is not null ? program : throw Missing("load_cpumap_program.program.spec");
    }

    // What the service checked long ago, again: the name becomes a key of the keeper's store and part of the name of a
    // memfd.
    private static void CheckName(string field, string? name)
    {
        if (name is not { Length: > 0 and <= NameCharsMax } || !name.All(c => char.IsAsciiLetterOrDigit(c) || c is '-'))
        {
            throw new CommandFaultException(
                "INVALID_SPEC",
                $"{field}.name \"{name}\": 1 to {NameCharsMax} letters, digits and hyphens",
                Errno.EINVAL);
        }
    }

    private static CommandFaultException Missing(string field) =>
        new("INVALID_SPEC", $"{field}: must be set", Errno.EINVAL);
}
