namespace Nf.DataPlane.UserMemories;

/// <summary>
/// A few threads of its own for what may wait for a client: fetching its pages, and calls that take the lock of its
/// address space. Never the control thread's and never a worker's work (the seed: a queue "userptr-acquire").
/// </summary>
/// <remarks>
/// One piece of work per client at a time, in order: a client that makes us wait for ever costs one thread and its own
/// requests. Threads start when there is work and end when there is none for a while.
/// </remarks>
internal sealed class AcquirePool(int threadsMax) : IDisposable
{
    // How long a thread stays without work. Arbitrary.
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(2);

    private readonly object _gate = new();
    private readonly LinkedList<(object Owner, Action Work)> _waiting = new();
    private readonly HashSet<object> _busy = [];
    private int _threads;
    private int _idle;
    private bool _over;

    /// <summary>Whether nothing waits and nothing is being done.</summary>
    internal bool IsIdle
    {
        get
        {
            lock (_gate)
            {
                return _waiting.Count == 0 && _busy.Count == 0;
            }
        }
    }

    /// <summary>Threads there are now.</summary>
    internal int Threads
    {
        get
        {
            lock (_gate)
            {
                return _threads;
            }
        }
    }

    /// <summary>Has something done soon. It must not throw. Any thread.</summary>
    /// <param name="owner">For whom: work for one owner is done in order.</param>
    /// <param name="work">What.</param>
    internal void Queue(object owner, Action work)
    {
        lock (_gate)
        {
            _waiting.AddLast((owner, work));
            Monitor.Pulse(_gate);

            // One thread may never come back from what it was woken for.
            if (_waiting.Count > _idle && _threads < threadsMax)
            {
                _threads++;
                new Thread(Run) { IsBackground = true, Name = "nf-userptr" }.Start();
            }
        }
    }

    /// <summary>Threads end when nothing waits any more; nobody waits for that.</summary>
    public void Dispose()
    {
        lock (_gate)
        {
            _over = true;
            Monitor.PulseAll(_gate);
        }
    }

    private void Run()
    {
        while (TryTake(out (object Owner, Action Work) piece))
        {
            piece.Work();
            lock (_gate)
            {
                _busy.Remove(piece.Owner);

                // More of this owner's may wait, for which other threads were not free to look.
                Monitor.Pulse(_gate);
            }
        }
    }

    private bool TryTake(out (object Owner, Action Work) piece)
    {
        lock (_gate)
        {
            while (true)
            {
                for (var node = _waiting.First; node is not null; node = node.Next)
                {
                    if (_busy.Add(node.Value.Owner))
                    {
                        _waiting.Remove(node);
                        piece = node.Value;
                        return true;
                    }
                }

                _idle++;
                bool isPulsed = !_over && Monitor.Wait(_gate, Patience);
                _idle--;

                // What waits now waits for its owner's other work, whose thread will look again.
                if (!isPulsed)
                {
                    _threads--;
                    piece = default;
                    return false;
                }
            }
        }
    }
}
