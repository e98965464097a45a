namespace Nf.Service;

/// <summary>
/// Who may change resources now: any number of requests, one per resource name, or the synchroniser alone.
/// </summary>
internal sealed class OperationGate : IDisposable
{
    private readonly SemaphoreSlim _turnstile = new(1);
    private readonly Lock _lock = new();
    private readonly Dictionary<(string Type, string Name), NameLock> _names = [];
    private int _requests;
    private TaskCompletionSource? _drained;

    /// <summary>Waits until no synchronisation is under way.</summary>
    /// <returns>To be disposed when the request is done.</returns>
    public async Task<IDisposable> EnterRequestAsync(CancellationToken cancel)
    {
        await _turnstile.WaitAsync(cancel);
        lock (_lock)
        {
            _requests++;
        }

        _turnstile.Release();
        return new Exit(LeaveRequest);
    }

    /// <summary>
    /// Waits for a name to be free. Taken in the order UMEM, socket or device, link or bridge: nobody waits in a ring.
    /// The others (cpumap, program, steering) are taken alone.
    /// </summary>
    public async Task<IDisposable> EnterNameAsync(string type, ResourceName name, CancellationToken cancel)
    {
        (string, string) key = (type, name.Value);
        NameLock held;
        lock (_lock)
        {
            if (!_names.TryGetValue(key, out held!))
            {
                _names[key] = held = new NameLock();
            }

            held.Users++;
        }

        try
        {
            await held.Semaphore.WaitAsync(cancel);
        }
        catch
        {
            Forget(key, held);
            throw;
        }

        return new Exit(() =>
        {
            held.Semaphore.Release();
            Forget(key, held);
        });
    }

    /// <summary>Waits until no request is under way and keeps new ones out.</summary>
    public async Task<IDisposable> EnterAloneAsync(CancellationToken cancel)
    {
        await _turnstile.WaitAsync(cancel);
        Task drained = Task.CompletedTask;
        lock (_lock)
        {
            if (_requests > 0)
            {
                _drained = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
                drained = _drained.Task;
            }
        }

        try
        {
            await drained.WaitAsync(cancel);
        }
        catch
        {
            _turnstile.Release();
            throw;
        }

        return new Exit(() => _turnstile.Release());
    }

    public void Dispose() => _turnstile.Dispose();

    private void LeaveRequest()
    {
        lock (_lock)
        {
            if (--_requests == 0)
            {
                _drained?.TrySetResult();
            }
        }
    }

    private void Forget((string, string) key, NameLock held)
    {
        lock (_lock)
        {
            if (--held.Users == 0)
            {
                _names.Remove(key);
                held.Semaphore.Dispose();
            }
        }
    }

    private sealed class NameLock
    {
        public SemaphoreSlim Semaphore { get; } = new(1);

        public int Users { get; set; }
    }

    private sealed class Exit(Action leave) : IDisposable
    {
        private Action? _leave = leave;

        public void Dispose() => Interlocked.Exchange(ref _leave, null)?.Invoke();
    }
}
