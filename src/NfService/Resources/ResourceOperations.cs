using Nf.Internal.V1;
using Nf.V1;

namespace Nf.Service;

/// <summary>What creating and deleting have in common for every type of resource.</summary>
internal sealed class ResourceOperations(
    IDataPlane dataPlane,
    DesiredState desired,
    OperationGate gate,
    EventLog events,
    ILogger<ResourceOperations> logger)
{
    public IDataPlane DataPlane => dataPlane;

    public DesiredState Desired => desired;

    /// <summary>Waits until a request may change resources.</summary>
    /// <exception cref="DataPlaneUnavailableException">No data plane is connected.</exception>
    public async Task<IDisposable> EnterAsync(CancellationToken cancel)
    {
        while (true)
        {
            // Not inside the gate: the synchroniser, which makes it ready, waits there for requests to leave.
            await dataPlane.WaitReadyAsync(cancel);
            IDisposable entered = await gate.EnterRequestAsync(cancel);
            if (dataPlane.IsReady)
            {
                return entered;
            }

            entered.Dispose();
        }
    }

    /// <summary>Waits for a name to be free of other requests.</summary>
    public Task<IDisposable> EnterNameAsync(DesiredResource resource, CancellationToken cancel) =>
        gate.EnterNameAsync(resource.Type, resource.Name, cancel);

    /// <inheritdoc cref="EnterNameAsync(DesiredResource, CancellationToken)"/>
    public Task<IDisposable> EnterNameAsync(string type, ResourceName name, CancellationToken cancel) =>
        gate.EnterNameAsync(type, name, cancel);

    /// <summary>Tells whether a resource of this name and an equal spec exists.</summary>
    /// <exception cref="ResourceExistsException">One exists and differs.</exception>
    public static bool Exists(DesiredResource? existing, DesiredResource asked) =>
        existing is not null && (existing.DifferenceFrom(asked) is { } difference
            ? throw new ResourceExistsException(asked.Type, asked.Name.Value, difference)
            : true);

    /// <summary>Creates a resource whose name is free; it stays desired only when the data plane made it.</summary>
    /// <param name="resource">What to create.</param>
    /// <param name="command">Makes the command, anew for every attempt.</param>
    /// <param name="cancel">Gives up.</param>
    public async Task<Reply> CreateAsync(DesiredResource resource, Func<Command> command, CancellationToken cancel)
    {
        desired.Add(resource);
        Reply reply;
        try
        {
            reply = await CallAsync(command, cancel);
        }
        catch
        {
            // Also when nobody knows what came of it: if it runs, the next synchronisation learns it.
            desired.Remove(resource);
            throw;
        }

        TellCreated(resource);
        return reply;
    }

    /// <summary>Deletes a resource that nothing uses.</summary>
    public async Task DeleteAsync(DesiredResource resource, Func<Command> command, CancellationToken cancel)
    {
        desired.RemoveUnused(resource);
        try
        {
            await CallAsync(command, cancel);
        }
        catch (DataPlaneFaultException fault) when (fault.Reason != "UNKNOWN_RESOURCE")
        {
            desired.Put(resource);
            throw;
        }
        catch (DataPlaneFaultException)
        {
            // It did not run, which is what was asked for.
        }

        // Any other failure leaves it undesired: if it still runs, the next synchronisation learns it again.
        Log.Deleted(logger, resource.Type, resource.Name.Value);
        Tell(EventKind.Deleted, resource, "deleted");
    }

    /// <summary>What runs now, or null where no data plane is connected.</summary>
    public async Task<Inventory?> TryGetInventoryAsync(CancellationToken cancel)
    {
        if (!dataPlane.IsReady)
        {
            return null;
        }

        try
        {
            Reply reply = await dataPlane.CallAsync(Commands.Observe(), cancel);
            return reply.Inventory;
        }
        catch (DataPlaneUnavailableException)
        {
            return null;
        }
    }

    /// <summary>What is desired with what is observed of it, and what runs but is not desired any more.</summary>
    public static IEnumerable<TProto> Merge<TDesired, TProto>(
        IEnumerable<TDesired> wanted, IEnumerable<TProto>? running, Func<TProto, string> name,
        Func<TDesired, TProto?, TProto> merge)
        where TDesired : DesiredResource
        where TProto : class
    {
        var rest = new Dictionary<string, TProto>(StringComparer.Ordinal);
        foreach (TProto one in running ?? [])
        {
            rest[name(one)] = one;
        }

        foreach (TDesired one in wanted)
        {
            rest.Remove(one.Name.Value, out TProto? found);
            yield return merge(one, found);
        }

        foreach (TProto released in rest.Values)
        {
            yield return released;
        }
    }

    /// <summary>Carries out a command, again while something that was released a moment ago is in the way.</summary>
    /// <param name="command">Makes the command, anew for every attempt.</param>
    /// <param name="cancel">Gives up.</param>
    public Task<Reply> CallAsync(Func<Command> command, CancellationToken cancel) =>
        ReleaseRetry.RunAsync(ct => dataPlane.CallAsync(command(), ct), cancel);

    /// <summary>Tells that a resource was created.</summary>
    public void TellCreated(DesiredResource resource)
    {
        Log.Created(logger, resource.Type, resource.Name.Value);
        Tell(EventKind.Created, resource, "created");
    }

    /// <summary>Tells that what is asked of a resource has changed.</summary>
    public void TellChange(DesiredResource resource, string what)
    {
        Log.Changed(logger, resource.Type, resource.Name.Value, what);
        Tell(EventKind.StateChanged, resource, $"changed: {what}");
    }

    private void Tell(EventKind kind, DesiredResource resource, string what) => events.Publish(
        kind, resource.Type, resource.Name.Value, $"{resource.Type} {resource.Name} {what}",
        dataPlane.Hello?.Generation ?? 0);
}
