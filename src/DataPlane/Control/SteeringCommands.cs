using Google.Protobuf;
using Nf.DataPlane.Cpumaps;
using Nf.DataPlane.Steering;
using Nf.DataPlane.Xdp;
using Nf.Internal.V1;
using Nf.Linux;
using Nf.V1;
using NetworkNamespace = Nf.Linux.NetworkNamespace;

namespace Nf.DataPlane.Control;

/// <summary>Sets and deletes the rules of interfaces, and tells what they would do.</summary>
internal sealed partial class SteeringCommands : ICpumapSenders
{
    private readonly Resources _resources;
    private readonly IKernelCpumaps _cpumaps;
    private readonly SteeringSwap _swap;

    internal SteeringCommands(Resources resources, IKernelCpumaps cpumaps)
    {
        _resources = resources;
        _cpumaps = cpumaps;
        _swap = new SteeringSwap(resources, cpumaps);
        cpumaps.CpusChanged += CpusChanged;
    }

    private IEnumerable<SteeringResource> All => _resources.Steerings.Values;

    /// <summary>Sets the rules of an interface, in place of those it had.</summary>
    /// <returns>The steering without prefixes; without status when it was only checked.</returns>
    /// <exception cref="CommandFaultException">
    /// INTERFACE_NOT_FOUND, INTERFACE_STEERED, INTERFACE_CHANGED, XDP_MODE_CONFLICT and what
    /// <see cref="SteeringSwap.Run"/> and <see cref="InterfacePrograms.Acquire"/> tell.
    /// </exception>
    internal V1.Steering Set(V1.Steering asked, bool validateOnly)
    {
        asked = asked.Clone();
        asked.Status = null;
        using NetworkNamespace network = XskCommands.OpenNetwork(asked.Spec.NetworkNamespace);
        LinkInfo link = Find(network, asked.Spec);
        SteeringResource? present = _resources.Steerings.GetValueOrDefault(asked.Name);
        CheckInterface(asked, present, network, link);
        if (validateOnly)
        {
            return Validate(asked, network, link);
        }

        if (present is not null)
        {
            Replace(present, asked, link);
        }
        else
        {
            present = Create(asked, network, link);
        }

        return present.Describe(brief: true);
    }

    /// <summary>Ends the steering of an interface: its sockets get what arrives on their queues again.</summary>
    /// <exception cref="CommandFaultException">UNKNOWN_RESOURCE, and what exchanging a program tells.</exception>
    internal void Delete(string name)
    {
        SteeringResource steering = _resources.Steering(name);
        if (steering.Program is { } program)
        {
            LetGo(program);
            steering.Program = null;
        }

        _resources.Store.Drop(steering);
        _resources.Steerings.Remove(name);
        _swap.Release(steering);
        steering.Dispose();
        _resources.Events.Add(EventKind.Deleted, "steering", name, "");
    }

    /// <summary>What would become of packets.</summary>
    /// <exception cref="CommandFaultException">UNKNOWN_RESOURCE, INVALID_SPEC.</exception>
    internal SteeringVerdicts Test(TestSteering asked)
    {
        SteeringResource steering = _resources.Steering(asked.Name);
        if (asked.Packets.Count > SteeringLimits.TestPacketCountMax)
        {
            throw new CommandFaultException(
                "INVALID_SPEC", $"packets: {asked.Packets.Count}, at most {SteeringLimits.TestPacketCountMax}",
                Errno.EINVAL);
        }

        for (int i = 0; i < asked.Packets.Count; i++)
        {
            if (asked.Packets[i].Length is < SteeringLimits.TestPacketBytesMin or > SteeringLimits.TestPacketBytesMax)
            {
                throw new CommandFaultException(
                    "INVALID_SPEC",
                    $"packets[{i}]: {asked.Packets[i].Length} bytes, {SteeringLimits.TestPacketBytesMin} to "
                    + $"{SteeringLimits.TestPacketBytesMax}",
                    Errno.EINVAL);
            }
        }

        SteeringProgram compiled = steering.Compiled ??= SteeringProgram.Compile(
            new SteeringRules(_cpumaps, steering.Program?.Frags ?? steering.Rules.Asked.Spec.Frags)
                .Read(steering.Rules.Asked.Spec));
        var verdicts = new SteeringVerdicts();
        verdicts.Verdicts.AddRange(asked.Packets.Select(packet => Verdict(compiled, packet)));
        return verdicts;
    }

    /// <summary>Writes what all rules matched into the segment.</summary>
    internal void Publish()
    {
        foreach (SteeringResource steering in All)
        {
            _swap.Publish(steering);
        }
    }

    public IEnumerable<string> SteeringsInto(string cpumap) =>
        All.Where(steering => steering.Cpumaps.Contains(cpumap)).Select(steering => steering.Name);

    public IEnumerable<string> CpumapsFedBy(NetworkNamespace network, int ifindex)
    {
        FileIdentity identity = network.Identity;
        return All.Where(steering => steering.Ifindex == ifindex && steering.NetworkIdentity == identity)
            .SelectMany(steering => steering.Cpumaps);
    }

    private V1.Steering Validate(V1.Steering asked, NetworkNamespace network, LinkInfo link)
    {
        bool frags = asked.Spec.Frags || _resources.Programs.All.Any(
            program => program.Ifindex == link.Ifindex && program.Network.Identity == network.Identity
                && program.Frags);
        using SteeringProgram compiled = SteeringProgram.Compile(
            _swap.Check(asked.Spec, frags, network, link.Ifindex));
        compiled.Explain(new byte[SteeringLimits.TestPacketBytesMin]);
        return asked;
    }

    private SteeringResource Create(V1.Steering asked, NetworkNamespace network, LinkInfo link)
    {
        var steering = new SteeringResource(
            network.Duplicate(), CounterSlots.CreateMap(), SetOfNothing(asked));
        try
        {
            Attach(steering, asked, link.Ifindex);
            steering.Revision = 1;
            _resources.Steerings.Add(steering.Name, steering);
            _resources.Store.Put(steering, null);
            _resources.Events.Add(
                EventKind.Created, "steering", steering.Name,
                $"{asked.Spec.Rules.Count} rules on {link.Name}", ("interface", link.Name));
            return steering;
        }
        catch when (!_resources.Steerings.ContainsKey(asked.Name))
        {
            _resources.Store.Drop(steering);
            steering.Dispose();
            throw;
        }
    }

    private void Replace(SteeringResource steering, V1.Steering asked, LinkInfo link)
    {
        if (steering.Program is null)
        {
            Attach(steering, asked, link.Ifindex);
        }
        else
        {
            steering.Program.Require(asked.Spec.XdpMode, needFrags: false);
            _swap.Run(steering, asked);
        }

        steering.Revision++;
        _resources.Store.Put(steering, null);
        _resources.Events.Add(
            EventKind.StateChanged, "steering", steering.Name, $"{asked.Spec.Rules.Count} rules on {link.Name}",
            ("revision", $"{steering.Revision}"));
    }

    // The interface's program, and rules on it; neither when either fails.
    private void Attach(SteeringResource steering, V1.Steering asked, int ifindex)
    {
        InterfaceProgram program = _resources.Programs.Acquire(
            steering.Network, ifindex, asked.Spec.XdpMode, asked.Spec.Frags);
        steering.Program = program;
        try
        {
            _resources.Store.Put(program);
            _swap.Run(steering, asked);
            steering.LostReason = "";
        }
        catch
        {
            steering.Program = null;
            ReleaseProgram(program);
            throw;
        }
    }

    // A set without rules, to be replaced before anybody sees it; it has no slots yet.
    private static RuleSet SetOfNothing(V1.Steering asked)
    {
        var nothing = new V1.Steering { Name = asked.Name, Spec = new SteeringSpec() };
        return new RuleSet(nothing, []) { File = SteeringStore.WriteFile(nothing) };
    }

    private void LetGo(InterfaceProgram program)
    {
        // The last user takes the program with it; for others the plain one comes back.
        if (program.UserCount > 1)
        {
            program.AnnouncePlain();
            _resources.Store.Put(program);
            program.Exchange();
            _resources.Store.Put(program);
        }

        ReleaseProgram(program);
    }

    private void ReleaseProgram(InterfaceProgram program)
    {
        if (program.UserCount == 1)
        {
            _resources.Store.Drop(program);
        }

        _resources.Programs.Release(program);
    }

    private void CheckInterface(
        V1.Steering asked, SteeringResource? present, NetworkNamespace network, LinkInfo link)
    {
        FileIdentity identity = network.Identity;
        if (present is not null && (present.NetworkIdentity != identity
                || (present.Program is not null && present.Ifindex != link.Ifindex)))
        {
            throw new CommandFaultException(
                "INTERFACE_CHANGED",
                $"steering \"{asked.Name}\" is on ifindex {present.Ifindex}; its interface cannot be changed",
                Errno.EEXIST);
        }

        SteeringResource? other = All.FirstOrDefault(steering => steering != present
            && steering.NetworkIdentity == identity && steering.Ifindex == link.Ifindex);
        if (other is not null)
        {
            throw new CommandFaultException(
                "INTERFACE_STEERED", $"interface {link.Name} is steered by \"{other.Name}\" already", Errno.EEXIST);
        }
    }

    private static LinkInfo Find(NetworkNamespace network, SteeringSpec spec) => network.Run(() =>
    {
        using var route = new RouteNetlink();
        LinkInfo? link = spec.DeviceCase switch
        {
            SteeringSpec.DeviceOneofCase.Interface => route.FindLink(spec.Interface),
            SteeringSpec.DeviceOneofCase.Ifindex when spec.Ifindex <= int.MaxValue => route.FindLink((int)spec.Ifindex),
            _ => null,
        };
        return link ?? throw new CommandFaultException(
            "INTERFACE_NOT_FOUND",
            spec.DeviceCase == SteeringSpec.DeviceOneofCase.Interface
                ? $"spec.interface \"{spec.Interface}\": no such interface in its network namespace"
                : $"spec.ifindex {spec.Ifindex}: no such interface in its network namespace",
            Errno.ENODEV);
    });

    private static SteeringVerdict Verdict(SteeringProgram compiled, ByteString packet)
    {
        CompiledRules rules = compiled.Rules;
        SteeringVerdictCode code = compiled.Explain(packet.Span);
        CompiledAction action = code.Rule < rules.Rules.Count ? rules.Rules[code.Rule].Action
            : code.Rule == rules.DefaultIndex ? rules.Default
            : new CompiledAction(SteeringTarget.Pass);
        SteeringTarget target = code.Target;
        if (target == SteeringTarget.Cpumap && !action.Cpumap!.Cpus.Contains(code.Cpu))
        {
            // No entry for that CPU: the kernel takes the fallback.
            target = action.DropElse ? SteeringTarget.Drop : SteeringTarget.Pass;
        }

        return new SteeringVerdict
        {
            Rule = code.Rule < rules.Rules.Count ? rules.Rules[code.Rule].Name : "",
            Management = code.Rule == rules.ManagementIndex,
            Action = target.ToString().ToLowerInvariant(),
            Cpumap = target == SteeringTarget.Cpumap ? action.Cpumap!.Name : "",
            Cpu = target == SteeringTarget.Cpumap ? code.Cpu : 0,
        };
    }
}
