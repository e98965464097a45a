using Nf.Linux;
using Nf.SharedMemory.Store;

namespace Nf.Keeper;

// How lives end, and the keeper.
internal sealed partial class Supervisor
{
    private const long StopTimeoutNs = 5_000 * NanosecondsPerMs;

    private bool _isStopping;
    private bool _isStopForced;
    private long _stopDeadlineNs;

    private bool IsOver => _isStopping && _lives.Count == 0;

    // A connection ends with its process, or because of a fault in it. Either way it cannot go on: killing a process
    // that is ending by itself changes nothing, unless it is asked to end and its code matters.
    private void OnConnectionEnded(Life life)
    {
        EndConnection(life);
        if (!_isStopping)
        {
            life.Kill();
        }
    }

    private void EndConnection(Life life)
    {
        if (life.Connection is { } connection)
        {
            _epoll.Remove(connection.Descriptor);
            connection.Dispose();
            life.Connection = null;
        }
    }

    private void OnProcessEnded(Life life)
    {
        // What it said last counts: it may have left something a moment ago. End of file follows, because nobody else
        // has its descriptor.
        ReadMessages(life, int.MaxValue);
        EndConnection(life);
        _lives.Remove(life.Id);
        if (life.PidFd is { } pidFd)
        {
            _epoll.Remove(pidFd.Descriptor);
        }

        bool wasActive = life == _active;
        string successor = "";
        if (wasActive)
        {
            _active = null;
            successor = HandOver();
        }

        using (life)
        {
            Report(life, wasActive, successor);
        }
    }

    private string HandOver()
    {
        Life? next = _isStopping ? null : _lives.Values.FirstOrDefault(life => life.State == LifeState.Ready);
        if (next is null)
        {
            return _isStopping ? "" : "; the next one is still starting";
        }

        Guard(next, () => Activate(next));
        return $"; {next.Name} takes over with {_store.Count} entries";
    }

    private void Report(Life life, bool wasActive, string successor)
    {
        long nowNs = Clock.MonotonicNs();
        double seconds = (nowNs - (wasActive ? life.ActivatedNs : life.StartedNs)) / 1e9;
        string end = $"{life.Name} is gone after {seconds:0.0} s with code {life.ReadExitCode()}";
        if (_isStopping)
        {
            Log.Write(end);
        }
        else if (life.HasSpoken || (!wasActive && life.LastHeardNs != 0))
        {
            Log.Write(end + successor);
        }
        else
        {
            NoteFailure(end + successor);
        }
    }

    private void NoteFailure(string line)
    {
        TimeSpan delay = _backoff.Failed(Clock.MonotonicNs());
        Log.Write(delay == TimeSpan.Zero
            ? line
            : $"{line}; {_backoff.Failures} failed in a row, the next start is in {delay.TotalSeconds:0.0} s");
    }

    private void Stop(int signalCount)
    {
        _isStopForced = signalCount > 1;
        if (_isStopping)
        {
            return;
        }

        _isStopping = true;
        _stopDeadlineNs = Clock.MonotonicNs() + StopTimeoutNs;
        foreach (Life life in _lives.Values)
        {
            if (life == _active && life.Connection is { } connection)
            {
                Guard(life, () => connection.Send(StoreMessageType.Shutdown));
                WatchForRoom(life);
            }
            else
            {
                life.Kill();
            }
        }
    }

    private void CheckDeadlines()
    {
        long nowNs = Clock.MonotonicNs();
        foreach (Life life in _lives.Values.Where(life => life.State != LifeState.Leaving))
        {
            string? fault = (life.State, _isStopping) switch
            {
                (_, true) when _isStopForced => "told to stop twice",
                (_, true) when nowNs >= _stopDeadlineNs => "did not end within 5 s",
                (LifeState.Starting, false) when nowNs - life.StartedNs >= ReadyTimeoutNs => "not ready within 60 s",
                (LifeState.Active, false) when IsSilent(life, nowNs) =>
                    $"silent for {(nowNs - life.LastHeardNs) / 1e9:0.0} s",
                _ => null,
            };
            if (fault is not null)
            {
                Log.Write($"{life.Name} is killed: {fault}");
                life.Kill();
            }
        }
    }

    private bool IsSilent(Life life, long nowNs) =>
        _heartbeatTimeoutNs > 0 && nowNs - life.LastHeardNs >= _heartbeatTimeoutNs;

    // A keeper that was itself held up (a paused machine, a stopped process) judges nobody by that time.
    private void ForgiveOwnDelay(long lateNs)
    {
        if (lateNs >= LookMsMax * NanosecondsPerMs && _active is { } active)
        {
            active.LastHeardNs = Clock.MonotonicNs();
        }
    }

    private int NextLookMs()
    {
        long nowNs = Clock.MonotonicNs();
        long nextNs = nowNs + (LookMsMax * NanosecondsPerMs);
        if (_active is { } active && _heartbeatTimeoutNs > 0)
        {
            nextNs = Math.Min(nextNs, active.LastHeardNs + _heartbeatTimeoutNs);
        }

        if (_backoff.NotBeforeNs > nowNs)
        {
            nextNs = Math.Min(nextNs, _backoff.NotBeforeNs);
        }

        if (_isStopping && !_isStopForced)
        {
            nextNs = Math.Min(nextNs, _stopDeadlineNs);
        }

        // Rounded up: a look before the deadline would only find that it is not there yet.
        return (int)Math.Clamp((nextNs - nowNs + NanosecondsPerMs - 1) / NanosecondsPerMs, 1, LookMsMax);
    }
}
