using ServingStatus = Grpc.Health.V1.HealthCheckResponse.Types.ServingStatus;

namespace Nf.Service.Grpc;

/// <summary>
/// The serving status of each service by its full name; "" is the server as a whole. Safe from any thread.
/// </summary>
internal sealed class HealthStatuses
{
    private readonly Lock _lock = new();
    private readonly Dictionary<string, ServingStatus> _statuses = new(StringComparer.Ordinal);
    private TaskCompletionSource _changed = NewSignal();

    /// <summary>Sets the status of <paramref name="service"/> and wakes whoever watches it.</summary>
    /// <exception cref="ArgumentOutOfRangeException">A status that only Watch may report.</exception>
    internal void Set(string service, ServingStatus status)
    {
        ArgumentNullException.ThrowIfNull(service);
        ArgumentOutOfRangeException.ThrowIfEqual(status, ServingStatus.ServiceUnknown);
        Change(statuses => statuses[service] = status);
    }

    /// <summary>Forgets <paramref name="service"/>; its watchers are told that it is unknown.</summary>
    internal void Remove(string service) => Change(statuses => statuses.Remove(service));

    /// <summary>Sets every known service to NOT_SERVING, as a server does before it stops.</summary>
    internal void SetAllNotServing() => Change(statuses =>
    {
        foreach (string service in statuses.Keys.ToArray())
        {
            statuses[service] = ServingStatus.NotServing;
        }
    });

    /// <summary>The status of <paramref name="service"/>; null when it was never set.</summary>
    internal ServingStatus? Get(string service) => Observe(service).Status;

    /// <summary>All of them, as of now.</summary>
    internal IReadOnlyDictionary<string, ServingStatus> Snapshot()
    {
        lock (_lock)
        {
            return new Dictionary<string, ServingStatus>(_statuses, StringComparer.Ordinal);
        }
    }

    /// <summary>
    /// The status of a service and a task that ends at the next change of any: read together, so none is missed.
    /// </summary>
    internal (ServingStatus? Status, Task Changed) Observe(string service)
    {
        lock (_lock)
        {
            return (_statuses.TryGetValue(service, out ServingStatus status) ? status : null, _changed.Task);
        }
    }

    private static TaskCompletionSource NewSignal() => new(TaskCreationOptions.RunContinuationsAsynchronously);

    private void Change(Action<Dictionary<string, ServingStatus>> change)
    {
        TaskCompletionSource changed;
        lock (_lock)
        {
            change(_statuses);
            changed = _changed;
            _changed = NewSignal();
        }

        changed.SetResult();
    }
}
