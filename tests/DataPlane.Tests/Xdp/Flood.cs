using System.Net.Sockets;

namespace Nf.DataPlane.Tests.Xdp;

/// <summary>Sends without a pause, but never so far ahead that the veth ring (256 frames) could overflow.</summary>
internal sealed class Flood : IDisposable
{
    private const ulong AheadMax = 100;

    private readonly Socket _sender;
    private readonly CountingSocket _receiver;
    private readonly Thread _thread;
    private ulong _sent;
    private volatile bool _stop;

    private Flood(Socket sender, CountingSocket receiver)
    {
        _sender = sender;
        _receiver = receiver;
        _thread = new Thread(Run);
    }

    /// <summary>Frames sent so far.</summary>
    internal ulong Sent => Volatile.Read(ref _sent);

    /// <param name="sender">Connected to where the frames go; owned from here on.</param>
    /// <param name="receiver">Counts them.</param>
    internal static Flood Start(Socket sender, CountingSocket receiver)
    {
        var flood = new Flood(sender, receiver);
        flood._thread.Start();
        return flood;
    }

    /// <summary>Sends the last frame and returns.</summary>
    internal void Stop()
    {
        _stop = true;
        _thread.Join();
    }

    public void Dispose()
    {
        Stop();
        _sender.Dispose();
    }

    private void Run()
    {
        byte[] payload = new byte[64];
        while (!_stop)
        {
            if (_sent < _receiver.Frames + AheadMax)
            {
                _sender.Send(payload);
                Volatile.Write(ref _sent, _sent + 1);
            }
        }
    }
}
