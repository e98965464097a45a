using Nf.Internal.V1;
using Nf.V1;

namespace Nf.Service;

/// <summary>
/// Makes what is desired and what runs agree whenever a data plane connects: what runs and was not known is learned,
/// what is desired and does not run is asked for again. Nothing that runs is ever deleted here.
/// </summary>
internal sealed class Synchroniser(
    DataPlaneClient client, DesiredState desired, OperationGate gate, EventLog events, ILogger<Synchroniser> logger)
    : BackgroundService
{
    // Entries of cpumaps have no names of their own: "CPUMAP/CPU".
    private const string EntryType = "cpumap_entry";

    private static readonly TimeSpan AnswerTimeout = TimeSpan.FromSeconds(10);
    private static readonly TimeSpan RetryDelay = TimeSpan.FromSeconds(5);

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        await foreach (DataPlaneSession session in client.ToSynchronise.ReadAllAsync(stoppingToken))
        {
            try
            {
                bool complete;
                using (await gate.EnterAloneAsync(stoppingToken))
                {
                    complete = await SynchroniseAsync(session, stoppingToken);
                }

                if (!complete)
                {
                    _ = RetryLaterAsync(stoppingToken);
                }
            }
            catch (TimeoutException)
            {
                session.Close("it did not answer the synchronisation in time");
            }
            catch (Exception e) when (e is DataPlaneUnavailableException or DataPlaneFaultException)
            {
                // A session that cannot tell what runs is of no use; the next one begins anew.
                session.Close(e.Message);
            }
        }
    }

    private async Task RetryLaterAsync(CancellationToken stopping)
    {
        await Task.Delay(RetryDelay, stopping).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        client.RequestSynchronisation();
    }

    /// <returns>Whether everything desired runs now.</returns>
    private async Task<bool> SynchroniseAsync(DataPlaneSession session, CancellationToken cancel)
    {
        Reply reply = await session.CallAsync(new Command { GetInventory = new GetInventory() }, cancel)
            .WaitAsync(AnswerTimeout, cancel);
        Inventory running = reply.Inventory;
        var names = new HashSet<(string Type, string Name)>();
        LearnAll(running, names);
        session.MarkReady();

        bool complete = true;
        foreach (Wanted wanted in InOrderOfUse())
        {
            if (!names.Contains((wanted.Type, wanted.Name)))
            {
                complete &= await ReplayAsync(session, wanted.Resource, wanted.Command, cancel);
            }
        }

        Log.Synchronised(logger, session.Hello.Generation, names.Count, complete);
        return complete;
    }

    // A socket needs its UMEM, an entry its cpumap and its program, a link or bridge what its endpoints name.
    private IEnumerable<Wanted> InOrderOfUse() =>
    [
        .. desired.Umems.Select(u => Wanted.Of(u, () => Commands.Create(u))),
        .. desired.XskSockets.Select(s => Wanted.Of(s, () => Commands.Bind(s))),
        .. desired.VhostDevices.Select(d => Wanted.Of(d, () => Commands.Create(d))),
        .. desired.CpumapPrograms.Select(p => Wanted.Of(p, () => Commands.Load(p))),
        .. desired.Cpumaps.Select(c => Wanted.Of(c, () => Commands.Create(c))),
        .. desired.Cpumaps.SelectMany(c => c.Entries.Values.Select(entry => new Wanted(
            c, EntryType, $"{c.Name}/{entry.Cpu}", () => Commands.Replay(c, entry)))),
        .. desired.Links.Select(l => Wanted.Of(l, () => Commands.Create(l))),
        .. desired.Bridges.Select(b => Wanted.Of(b, () => Commands.Create(b))),
        .. desired.Steerings.Select(s => Wanted.Of(s, () => Commands.Set(s, validateOnly: false))),
    ];

    private void LearnAll(Inventory running, HashSet<(string Type, string Name)> names)
    {
        foreach (Umem umem in running.Umems.Where(u => u.Status?.State != UmemState.Releasing))
        {
            Learn(umem.Name, names, () => DesiredUmem.Learn(umem), desired.FindUmem);
        }

        foreach (XskSocket socket in running.XskSockets.Where(s => s.Status?.State != XskState.Releasing))
        {
            Learn(socket.Name, names, () => DesiredXskSocket.Learn(socket), desired.FindXskSocket);
        }

        foreach (VhostDevice device in running.VhostDevices)
        {
            Learn(device.Name, names, () => DesiredVhostDevice.Learn(device), desired.FindVhostDevice);
        }

        foreach (CpumapProgram program in running.CpumapPrograms)
        {
            Learn(program.Name, names, () => DesiredCpumapProgram.Learn(program), desired.FindCpumapProgram);
        }

        foreach (Cpumap cpumap in running.Cpumaps)
        {
            Learn(cpumap, names);
        }

        foreach (Steering steering in running.Steerings)
        {
            Learn(steering.Name, names, () => DesiredSteering.Learn(steering), desired.FindSteering);
        }

        foreach (Link link in running.Links)
        {
            Learn(link.Name, names, () => DesiredLink.Learn(link), desired.FindLink);
        }

        foreach (Bridge bridge in running.Bridges)
        {
            Learn(bridge.Name, names, () => DesiredBridge.Learn(bridge), desired.FindBridge);
        }
    }

    private void Learn(Cpumap running, HashSet<(string Type, string Name)> names)
    {
        Learn(
            running.Name, names, () => DesiredCpumap.Learn(running, Find(running.Name)), desired.FindCpumap);
        if (Find(running.Name) is not { } known)
        {
            return;
        }

        // An equal spec says nothing of the entries, which come and go without it.
        desired.Put(DesiredCpumap.Learn(running, known));
        foreach (CpumapEntry entry in running.Status?.Entries ?? [])
        {
            names.Add((EntryType, $"{running.Name}/{entry.Cpu}"));
        }
    }

    private DesiredCpumap? Find(string name) =>
        ResourceName.IsValid(name) ? desired.FindCpumap(ResourceName.Parse(name)) : null;

    private void Learn<T>(
        string name, HashSet<(string Type, string Name)> names, Func<T> learn, Func<ResourceName, T?> find)
        where T : DesiredResource
    {
        if (!ResourceName.IsValid(name))
        {
            Log.BadNameInInventory(logger, name.Length);
            return;
        }

        T running = learn();
        names.Add((running.Type, name));
        T? known = find(running.Name);
        if (known is null)
        {
            Log.Learned(logger, running.Type, name);
            desired.Put(running);
        }
        else if (known.DifferenceFrom(running) is { } difference)
        {
            // What carries traffic now is the truth; whoever wants the other spec deletes and creates.
            Log.LearnedOther(logger, running.Type, name, difference);
            desired.Put(running);
        }
    }

    private async Task<bool> ReplayAsync(
        DataPlaneSession session, DesiredResource resource, Func<Command> command, CancellationToken cancel)
    {
        ulong generation = session.Hello.Generation;
        try
        {
            await ReleaseRetry.RunAsync(
                ct => session.CallAsync(command(), ct).WaitAsync(AnswerTimeout, ct), cancel);
            events.Publish(
                EventKind.Replayed, resource.Type, resource.Name.Value,
                "created again from what is desired, as this life of the data plane did not have it", generation);
            return true;
        }
        catch (DataPlaneFaultException fault)
        {
            Log.ReplayFailed(logger, resource.Type, resource.Name.Value, fault.Message);
            events.Publish(
                EventKind.Fault, resource.Type, resource.Name.Value,
                $"could not be created again: {fault.Message}", generation, ("reason", fault.Reason));
            return false;
        }
    }

    /// <summary>What is desired, or a part of it, and how it is asked for.</summary>
    private sealed record Wanted(DesiredResource Resource, string Type, string Name, Func<Command> Command)
    {
        public static Wanted Of(DesiredResource resource, Func<Command> command) =>
            new(resource, resource.Type, resource.Name.Value, command);
    }
}
