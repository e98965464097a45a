namespace Nf.Service;

// Cpumaps, their programs, and steerings: who uses whom.
internal sealed partial class DesiredState
{
    /// <summary>Most cpumaps. Arbitrary.</summary>
    public const int CpumapCountMax = 64;

    /// <summary>Most programs for entries. Arbitrary; 1 MiB each at most.</summary>
    public const int CpumapProgramCountMax = 64;

    /// <summary>Most steerings. Arbitrary: one per interface.</summary>
    public const int SteeringCountMax = 64;

    private readonly ResourceTable<DesiredCpumap> _cpumaps = new(DesiredResource.CpumapType, CpumapCountMax);
    private readonly ResourceTable<DesiredCpumapProgram> _programs =
        new(DesiredResource.CpumapProgramType, CpumapProgramCountMax);

    private readonly ResourceTable<DesiredSteering> _steerings = new(DesiredResource.SteeringType, SteeringCountMax);

    public IReadOnlyList<DesiredCpumap> Cpumaps => Read(() => _cpumaps.All.ToArray());

    public IReadOnlyList<DesiredCpumapProgram> CpumapPrograms => Read(() => _programs.All.ToArray());

    public IReadOnlyList<DesiredSteering> Steerings => Read(() => _steerings.All.ToArray());

    public DesiredCpumap? FindCpumap(ResourceName name) => Read(() => _cpumaps.Find(name.Value));

    public DesiredCpumapProgram? FindCpumapProgram(ResourceName name) => Read(() => _programs.Find(name.Value));

    public DesiredSteering? FindSteering(ResourceName name) => Read(() => _steerings.Find(name.Value));

    /// <summary>Takes in a steering in place of one of its name, unless a rule forbids it.</summary>
    /// <param name="steering">What to take in.</param>
    /// <param name="checkOnly">Look at the rules and leave it at that.</param>
    public void Replace(DesiredSteering steering, bool checkOnly = false)
    {
        lock (_lock)
        {
            CheckSteering(steering);
            if (_steerings.Find(steering.Name.Value) is null)
            {
                _steerings.CheckRoom();
            }

            if (!checkOnly)
            {
                _steerings.Put(steering);
            }
        }
    }

    /// <summary>Takes back a replacement that came to nothing.</summary>
    public void PutBack(DesiredSteering failed, DesiredSteering? before)
    {
        lock (_lock)
        {
            _steerings.Remove(failed.Name.Value);
            if (before is not null)
            {
                _steerings.Put(before);
            }
        }
    }

    /// <exception cref="ResourceInUseException">
    /// An entry, or a program for entries, sends to this socket or device.
    /// </exception>
    public void CheckNoTarget(DesiredResource member)
    {
        lock (_lock)
        {
            ThrowIfUsed(member, SendersTo(member));
        }
    }

    private static void ThrowIfUsed(DesiredResource resource, ResourceUser[] users)
    {
        if (users.Length > 0)
        {
            // Of the first kind only: who ends those learns of the others.
            throw new ResourceInUseException(
                resource.Type, resource.Name.Value, users[0].Type,
                [.. users.Where(user => user.Type == users[0].Type).Select(user => user.Name)]);
        }
    }

    private void CheckSteering(DesiredSteering steering)
    {
        foreach (DesiredSteering other in _steerings.All)
        {
            bool isSameName = other.Name == steering.Name;
            bool isSameDevice = other.IsOfSameDevice(steering);
            if (isSameName && !isSameDevice)
            {
                throw new ResourceExistsException(
                    DesiredResource.SteeringType, steering.Name.Value,
                    $"it steers interface {other.DescribeDevice()}, asked for {steering.DescribeDevice()}");
            }

            if (!isSameName && isSameDevice)
            {
                throw new ResourceExistsException(
                    DesiredResource.SteeringType, other.Name.Value,
                    $"it steers interface {other.DescribeDevice()} already");
            }
        }

        var faults = new SpecFaults();
        foreach ((string cpumap, string field) in steering.Cpumaps)
        {
            CheckBackend(faults, cpumap, field, V1.CpumapBackend.Kernel);
        }

        faults.ThrowIfAny();
    }

    private void CheckCpumapsOf(DesiredConnection connection)
    {
        var faults = new SpecFaults();
        foreach ((string cpumap, string field) in connection.Cpumaps)
        {
            CheckBackend(faults, cpumap, field, V1.CpumapBackend.Userspace);
        }

        faults.ThrowIfAny();
    }

    private void CheckBackend(SpecFaults faults, string cpumap, string field, V1.CpumapBackend needed)
    {
        V1.CpumapBackend backend = _cpumaps.Get(cpumap, field).Backend;
        faults.Require(
            backend == needed,
            field,
            $"cpumap \"{cpumap}\" is of backend {backend.ToString().ToUpperInvariant()}; this needs one of "
                + needed.ToString().ToUpperInvariant());
    }

    private ResourceUser[] UsersOfCpumap(string name) =>
    [
        .. _steerings.All.Where(s => s.Cpumaps.Any(c => c.Cpumap == name)).Select(ResourceUser.Of),
        .. _links.All.Where(l => l.Cpumaps.Any(c => c.Cpumap == name)).Select(ResourceUser.Of),
        .. _bridges.All.Where(b => b.Cpumaps.Any(c => c.Cpumap == name)).Select(ResourceUser.Of),
    ];

    private ResourceUser[] EntriesThatRun(string program) =>
    [
        .. _cpumaps.All.SelectMany(cpumap => cpumap.Entries.Values
            .Where(entry => entry.Program?.Loaded == program && program.Length > 0)
            .Select(entry => ResourceUser.OfEntry(cpumap, entry.Cpu))),
    ];

    private ResourceUser[] SendersTo(DesiredResource resource)
    {
        var member = new EndpointMember(resource.Type, resource.Name.Value);
        return
        [
            .. _cpumaps.All.SelectMany(cpumap => cpumap.Entries.Values
                .Where(entry => RedirectTargetRules.MemberOf(entry.Program?.Redirect) == member)
                .Select(entry => ResourceUser.OfEntry(cpumap, entry.Cpu))),
            .. _programs.All.Where(program => program.Targets.Contains(member)).Select(ResourceUser.Of),
        ];
    }
}
