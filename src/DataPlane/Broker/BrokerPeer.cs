using Nf.Linux;

namespace Nf.DataPlane.Broker;

/// <summary>Who is at the other end of a connection, as the kernel tells.</summary>
internal sealed class BrokerPeer : IDisposable
{
    private string? _cgroup;
    private bool _cgroupRead;

    /// <param name="credentials">As noted when it connected.</param>
    /// <param name="process">The process; null on kernels before 6.5, or when it is gone already.</param>
    internal BrokerPeer(in PeerCredentials credentials, PidFd? process)
    {
        Credentials = credentials;
        Process = process;
    }

    /// <summary>Process, user and group as noted when it connected.</summary>
    internal PeerCredentials Credentials { get; }

    /// <summary>The process; readable when it has ended.</summary>
    internal PidFd? Process { get; }

    /// <summary>Its cgroup (v2) from the root of the hierarchy, such as /kubepods/pod1; null where that cannot be told
    /// for certain.</summary>
    internal string? Cgroup
    {
        get
        {
            if (!_cgroupRead)
            {
                _cgroupRead = true;
                _cgroup = ReadCgroup();
            }

            return _cgroup;
        }
    }

    /// <summary>Reads who connected.</summary>
    /// <exception cref="LinuxException">The kernel does not tell.</exception>
    internal static BrokerPeer Of(SeqPacketSocket socket) => new(socket.PeerCredentials, socket.TryGetPeerPidFd());

    /// <summary>The user that this process is: what its own sockets tell of it.</summary>
    internal static uint OwnUid()
    {
        (SeqPacketSocket first, SeqPacketSocket second) = SeqPacketSocket.SocketPair();
        using (first)
        using (second)
        {
            return first.PeerCredentials.Uid;
        }
    }

    public void Dispose() => Process?.Dispose();

    private string? ReadCgroup()
    {
        if (Process is null || Credentials.Pid <= 0)
        {
            return null;
        }

        try
        {
            string? line = File.ReadLines($"/proc/{Credentials.Pid}/cgroup")
                .FirstOrDefault(text => text.StartsWith("0::", StringComparison.Ordinal));

            // The number was this process's when it connected; it still is if the process has not ended by now.
            return line is null || Process.HasExited ? null : line[3..];
        }
        catch (Exception gone) when (gone is IOException or UnauthorizedAccessException)
        {
            return null;
        }
    }
}
