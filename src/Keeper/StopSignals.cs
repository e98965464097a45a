using System.Runtime.InteropServices;
using Nf.Linux;

namespace Nf.Keeper;

/// <summary>Turns the signals that ask a program to end into an event.</summary>
internal sealed class StopSignals : IDisposable
{
    private readonly List<PosixSignalRegistration> _registrations = [];

    private int _count;

    private StopSignals()
    {
    }

    /// <summary>Signals so far: two that come together are one event, but still two signals.</summary>
    internal int Count => Volatile.Read(ref _count);

    internal static StopSignals Register(EventFd stop)
    {
        var signals = new StopSignals();
        foreach (PosixSignal signal in (PosixSignal[])[PosixSignal.SIGTERM, PosixSignal.SIGINT, PosixSignal.SIGHUP])
        {
            signals._registrations.Add(PosixSignalRegistration.Create(signal, context =>
            {
                context.Cancel = true;
                Interlocked.Increment(ref signals._count);
                stop.Signal();
            }));
        }

        return signals;
    }

    public void Dispose() => _registrations.ForEach(registration => registration.Dispose());
}
