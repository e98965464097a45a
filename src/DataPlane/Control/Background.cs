using System.Collections.Concurrent;
using Nf.Linux;

namespace Nf.DataPlane.Control;

/// <summary>
/// Does what may wait for the kernel on threads of its own, and the rest of it on the control thread, which never
/// waits.
/// </summary>
internal sealed class Background : IDisposable
{
    /// <summary>How often somebody who waits for an answer looks at deadlines as well.</summary>
    private static readonly TimeSpan Glance = TimeSpan.FromMilliseconds(10);

    private readonly ConcurrentQueue<Action> _posted = new();
    private readonly EventFd _wake = EventFd.Create();
    private readonly AutoResetEvent _some = new(initialState: false);
    private readonly EventLoop _loop;
    private readonly Lock _end = new();
    private volatile bool _over;

    internal Background(EventLoop loop)
    {
        _loop = loop;
        loop.Add(_wake.Descriptor, RunPosted);
    }

    /// <summary>Does something on a thread of its own. It must not throw; it tells by <see cref="Post"/>.</summary>
    /// <param name="name">Of the thread, for people.</param>
    /// <param name="work">What to do. It may never come back: the thread does not keep the process alive.</param>
    internal void Start(string name, Action work) => new Thread(() =>
    {
        try
        {
            work();
        }
        catch (ObjectDisposedException) when (_over)
        {
            // The life ended meanwhile, and with it what this worked on.
        }
    })
    {
        IsBackground = true,
        Name = name,
    }.Start();

    /// <summary>Has the control thread do something soon, unless its life is over. Any thread.</summary>
    internal void Post(Action action)
    {
        lock (_end)
        {
            if (!_over)
            {
                _posted.Enqueue(action);
                _wake.Signal();
                _some.Set();
            }
        }
    }

    /// <summary>Does what was posted until an answer is there: for who has nothing else to do meanwhile.</summary>
    /// <param name="pending">The answer.</param>
    /// <param name="glance">Looks at deadlines.</param>
    internal void WaitFor(PendingReply pending, Action glance)
    {
        for (RunPosted(); pending.Reply is null; RunPosted())
        {
            _some.WaitOne(Glance);
            glance();
        }
    }

    public void Dispose()
    {
        lock (_end)
        {
            _over = true;
            _loop.Remove(_wake.Descriptor);
            _some.Dispose();
            _wake.Dispose();
        }
    }

    private void RunPosted()
    {
        _wake.TryDrain();
        while (_posted.TryDequeue(out Action? action))
        {
            action();
        }
    }
}
