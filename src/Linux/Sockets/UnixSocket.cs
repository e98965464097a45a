namespace Nf.Linux;

/// <summary>What seqpacket and stream AF_UNIX sockets have in common.</summary>
public abstract unsafe class UnixSocket : IDisposable
{
    /// <summary>Most descriptors one message carries; the kernel's limit (SCM_MAX_FD).</summary>
    public const int DescriptorCountMax = Libc.SCM_MAX_FD;

    /// <summary>Connections that may wait to be accepted; an arbitrary limit.</summary>
    public const int BacklogDefault = 16;

    private protected UnixSocket(FileDescriptor descriptor) => Descriptor = descriptor;

    /// <summary>For polling, and for keeping the connection beyond this object's life.</summary>
    public FileDescriptor Descriptor { get; }

    /// <summary>Who is at the other end, as noted when it connected.</summary>
    public PeerCredentials PeerCredentials
    {
        get
        {
            ucred peer = Descriptor.GetOption<ucred>(Libc.SOL_SOCKET, Libc.SO_PEERCRED);
            return new PeerCredentials(peer.pid, peer.uid, peer.gid);
        }
    }

    /// <summary>The process at the other end, safe against reuse of its number.</summary>
    /// <returns>Null where the kernel is older than 6.5, or the process has ended already.</returns>
    public PidFd? TryGetPeerPidFd()
    {
        int number = -1;
        uint length = sizeof(int);

        // SAFETY: number is a local of the size given.
        if (Libc.getsockopt(Descriptor, Libc.SOL_SOCKET, Libc.SO_PEERPIDFD, &number, &length) == 0)
        {
            return new PidFd(new FileDescriptor(number));
        }

        return Result.LastErrno is Errno.ENOPROTOOPT or Errno.ENODATA or Errno.ESRCH or Errno.EINVAL
            ? null
            : throw new LinuxException("getsockopt(SO_PEERPIDFD)", Result.LastErrno);
    }

    /// <summary>The network namespace that the other end was in when it made its socket: the kernel makes an accepted
    /// socket in the namespace of who connects (net/unix/af_unix.c, unix_stream_connect).</summary>
    /// <exception cref="LinuxException">EPERM without CAP_NET_ADMIN there.</exception>
    public NetworkNamespace OpenPeerNetwork()
    {
        // SAFETY: this command takes no argument, so there is nothing for the kernel to touch.
        int number = Result.Check(Libc.ioctl(Descriptor, Libc.SIOCGSKNS, null), "ioctl(SIOCGSKNS)");
        return NetworkNamespace.Adopt(new FileDescriptor(number));
    }

    /// <summary>Ends both directions; the other end sees end of file. The descriptor stays open.</summary>
    public void Shutdown()
    {
        const int Both = 2; // SHUT_RDWR
        if (Libc.shutdown(Descriptor, Both) < 0 && Result.LastErrno != Errno.ENOTCONN)
        {
            Result.Throw("shutdown");
        }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        Descriptor.Dispose();
        GC.SuppressFinalize(this);
    }

    private protected static FileDescriptor Make(int type, Action<FileDescriptor> prepare)
    {
        FileDescriptor socket = FileDescriptor.Socket(Libc.AF_UNIX, type);
        try
        {
            prepare(socket);
            return socket;
        }
        catch
        {
            socket.Dispose();
            throw;
        }
    }

    private protected static (FileDescriptor First, FileDescriptor Second) MakePair(int type)
    {
        int* pair = stackalloc int[2];

        // SAFETY: pair has room for the two numbers the kernel writes.
        Result.Check(Libc.socketpair(Libc.AF_UNIX, type | Libc.SOCK_CLOEXEC, 0, pair), "socketpair");
        return (new FileDescriptor(pair[0]), new FileDescriptor(pair[1]));
    }

    /// <summary>Throws unless the descriptor is an AF_UNIX socket of the type.</summary>
    private protected static FileDescriptor CheckKind(FileDescriptor descriptor, int type)
    {
        const int SO_TYPE = 3;
        ArgumentNullException.ThrowIfNull(descriptor);
        int domain = descriptor.GetOption<int>(Libc.SOL_SOCKET, Libc.SO_DOMAIN);
        int actual = descriptor.GetOption<int>(Libc.SOL_SOCKET, SO_TYPE);
        return domain == Libc.AF_UNIX && actual == type
            ? descriptor
            : throw new ArgumentException(
                $"socket has domain {domain} and type {actual}, expected {Libc.AF_UNIX} and {type}",
                nameof(descriptor));
    }

    /// <summary>Accepts one connection, or returns null when none waits.</summary>
    private protected FileDescriptor? AcceptDescriptor(bool wait)
    {
        if (!wait && !IsReadable())
        {
            return null;
        }

        while (true)
        {
            int number = Libc.accept4(Descriptor, null, null, Libc.SOCK_CLOEXEC);
            if (number >= 0)
            {
                return new FileDescriptor(number);
            }

            switch (Result.LastErrno)
            {
                // ECONNABORTED: it left while waiting; the next one may be there.
                case Errno.EINTR or Errno.ECONNABORTED:
                    continue;
                case Errno.EAGAIN when !wait:
                    return null;
                default:
                    Result.Throw("accept4");
                    break;
            }
        }
    }

    // A listening socket is made non-blocking by whoever needs the race against a second acceptor closed; here
    // one thread accepts, so a look before the call is enough.
    private bool IsReadable()
    {
        var poll = new pollfd { fd = Descriptor.Number, events = Libc.POLLIN };

        // SAFETY: poll is one local entry, and the count says one.
        int ready = Libc.poll(&poll, 1, 0);
        GC.KeepAlive(this);
        return ready > 0;
    }
}
