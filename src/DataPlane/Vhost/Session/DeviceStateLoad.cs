using Nf.Linux;

namespace Nf.DataPlane.Vhost.Session;

/// <summary>Receives a state piece by piece, until its writer closes the other end.</summary>
internal sealed class DeviceStateLoad : IDisposable
{
    private readonly byte[] _bytes = new byte[DeviceState.Bytes + 1];
    private readonly FileDescriptor _source;
    private int _filled;

    /// <param name="source">A pipe or a socket; owned.</param>
    internal DeviceStateLoad(FileDescriptor source) => _source = source;

    /// <summary>Whether everything has come.</summary>
    internal bool IsComplete { get; private set; }

    /// <summary>What came; too long by a byte when more came than a state has.</summary>
    internal ReadOnlySpan<byte> Bytes => _bytes.AsSpan(0, _filled);

    /// <summary>Takes what is there. Once there is more than a state has, the end of it is not waited for.</summary>
    internal void Read()
    {
        try
        {
            while (!IsComplete)
            {
                int length = _source.ReadNow(_bytes.AsSpan(_filled));
                _filled += length;
                IsComplete = length == 0 || _filled == _bytes.Length;
            }
        }
        catch (LinuxException e) when (e.Errno == Errno.EAGAIN)
        {
            return;
        }
        catch (LinuxException)
        {
            _filled = 0;
            IsComplete = true;
        }

        if (IsComplete)
        {
            _source.Dispose();
        }
    }

    public void Dispose() => _source.Dispose();
}
