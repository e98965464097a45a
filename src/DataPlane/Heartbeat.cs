using Nf.DataPlane.Control;
using Nf.Linux;
using Nf.SharedMemory.Store;

namespace Nf.DataPlane;

/// <summary>
/// Tells the keeper once a second that this life is well, from a thread of its own: the control thread may be held up
/// by the kernel for long (whoever deletes many interfaces holds the lock that a bind waits for), and a life whose
/// packets flow must not be ended for that.
/// </summary>
internal sealed class Heartbeat : IDisposable
{
    private const int IntervalMs = 1000;

    /// <summary>How long a worker may be silent: far above any pause of the runtime, below the keeper's
    /// patience.</summary>
    private const long WorkerSilenceNs = 8_000_000_000;

    /// <summary>How long the control thread may be held up before it counts as hung.</summary>
    private const long ControlSilenceNs = 120_000_000_000;

    private readonly StoreClient _keeper;
    private readonly WorkerSet _workers;
    private readonly ManualResetEventSlim _over = new();
    private readonly Thread _thread;
    private long _controlNs = Clock.MonotonicNs();

    internal Heartbeat(StoreClient keeper, WorkerSet workers)
    {
        _keeper = keeper;
        _workers = workers;
        _thread = new Thread(Main) { Name = "nf-heartbeat", IsBackground = true };
        _thread.Start();
    }

    /// <summary>Notes that the control thread has come round.</summary>
    internal void ControlIsAlive(long nowNs) => Volatile.Write(ref _controlNs, nowNs);

    public void Dispose()
    {
        _over.Set();
        _thread.Join();
        _over.Dispose();
    }

    private void Main()
    {
        CurrentThread.SetName("nf-heartbeat");
        do
        {
            long now = Clock.MonotonicNs();
            if (_workers.AllAlive(now, WorkerSilenceNs) && now - Volatile.Read(ref _controlNs) < ControlSilenceNs)
            {
                _keeper.Heartbeat();
            }
        }
        while (!_over.Wait(IntervalMs));
    }
}
