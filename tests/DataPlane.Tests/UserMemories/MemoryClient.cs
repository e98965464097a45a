using System.Diagnostics;
using System.Globalization;
using System.Text;
using Nf.DataPlane.UserMemories;
using Nf.Linux;

namespace Nf.DataPlane.Tests.UserMemories;

/// <summary>What a client's call came to, and when, in nanoseconds of the monotonic clock.</summary>
internal sealed record ClientReply(
    Errno Errno, long Value, long Start, long End, IReadOnlyList<FileDescriptor> Descriptors);

/// <summary>Memory that a client has.</summary>
internal sealed record ClientMemory(ulong Address, ulong Size);

/// <summary>A process that does to its memory what the test says (tests/tools/memory_client.c).</summary>
internal sealed class MemoryClient : IDisposable
{
    internal const ulong Page = 4096;

    /// <summary>EVENT_REMAP, EVENT_REMOVE, EVENT_UNMAP, and write protection that disturbs nobody.</summary>
    internal const ulong Features = 0xb04c;

    private static readonly Lazy<string> Program = new(Compile);

    private readonly MemoryRig _rig;
    private readonly SeqPacketSocket _socket;
    private readonly Process _process;
    private UserMemoryTable? _table;

    internal MemoryClient(MemoryRig rig, uint user)
    {
        _rig = rig;
        string path = Path.Combine(Path.GetTempPath(), $"nf-mc-{Guid.NewGuid():N}");
        using SeqPacketSocket listener = SeqPacketSocket.Listen(path);
        _process = Process.Start(new ProcessStartInfo(Program.Value, path))!;
        _socket = listener.Accept();
        File.Delete(path);
        Pidfd = _socket.TryGetPeerPidFd();
        Peer = new UserMemoryPeer(_socket.PeerCredentials.Pid, user == 0, Pidfd);
        if (user != 0)
        {
            Do($"user {user}");
        }
    }

    /// <summary>As the broker would know it.</summary>
    internal UserMemoryPeer Peer { get; }

    private PidFd? Pidfd { get; }

    /// <summary>The handles of its connection.</summary>
    internal UserMemoryTable Table => _table ??= new UserMemoryTable(_rig.Registry, Peer);

    /// <summary>Has it do something, turning the control thread meanwhile.</summary>
    internal ClientReply Ask(string command)
    {
        Begin(command);
        return Finish();
    }

    /// <summary>Has it do something that must succeed.</summary>
    internal long Do(string command)
    {
        ClientReply reply = Ask(command);
        Assert.True(reply.Errno == Errno.None, $"{command}: {reply.Errno}");
        return reply.Value;
    }

    /// <summary>Has it begin with something.</summary>
    internal void Begin(string command) => _socket.Send(Encoding.ASCII.GetBytes(command));

    /// <summary>Takes what it came to, if it is done.</summary>
    internal ClientReply? TryFinish()
    {
        byte[] text = new byte[256];
        var descriptors = new List<FileDescriptor>();
        if (_socket.TryReceive(text, out int length, descriptors) != TransferStatus.Done)
        {
            return null;
        }

        long[] parts =
        [
            .. Encoding.ASCII.GetString(text, 0, length).Split(' ')
                .Select(part => long.Parse(part, CultureInfo.InvariantCulture)),
        ];
        return new ClientReply((Errno)parts[0], parts[1], parts[2], parts[3], descriptors);
    }

    /// <summary>Waits for what it came to, turning the control thread meanwhile.</summary>
    internal ClientReply Finish()
    {
        ClientReply? reply = null;
        _rig.Pump(() => (reply = TryFinish()) is not null, "the client's answer");
        return reply!;
    }

    /// <summary>A sealed file of so many pages, mapped and watched.</summary>
    internal ClientMemory MakeFile(ulong pages, bool isWatched = true, bool isHuge = false)
    {
        ulong size = pages * Page;
        Do($"file {size} {(isHuge ? 1 : 0)}");
        Do("call 3 6");
        var memory = new ClientMemory((ulong)Do($"map {size} 0 0"), size);
        if (isWatched)
        {
            Watch(memory);
        }

        return memory;
    }

    /// <summary>Memory without a file, mapped and watched.</summary>
    internal ClientMemory MakeAnonymous(ulong pages)
    {
        var memory = new ClientMemory((ulong)Do($"map {pages * Page} 0 1"), pages * Page);
        Watch(memory);
        return memory;
    }

    /// <summary>A userfaultfd of its own for some memory.</summary>
    internal void Watch(ClientMemory memory)
    {
        Do($"userfault {Features}");
        Do($"watch {memory.Address} {memory.Size} 2");
    }

    /// <summary>Sends descriptors: 1 the file, 2 the userfaultfd, 4 a pidfd.</summary>
    internal UserMemoryDescriptors Pass(int which, long process = 0)
    {
        var received = new Queue<FileDescriptor>(Ask($"pass {which} {process}").Descriptors);
        return new UserMemoryDescriptors
        {
            File = (which & 1) != 0 ? received.Dequeue() : null,
            Userfault = (which & 2) != 0 ? received.Dequeue() : null,
            Process = (which & 4) != 0 ? received.Dequeue() : null,
        };
    }

    /// <summary>Makes an object of memory.</summary>
    internal UserMemory Create(
        ClientMemory memory,
        UserMemoryFlags flags = UserMemoryFlags.None,
        int pass = 3,
        ulong offset = 0) =>
        Table.Find(Table.Create(new UserMemoryRequest(memory.Address, memory.Size, flags, offset), Pass(pass)));

    /// <summary>Makes an object of memory and has its pages fetched.</summary>
    internal UserMemory CreateActive(ClientMemory memory, UserMemoryFlags flags = UserMemoryFlags.None, int pass = 3)
    {
        UserMemory made = Create(memory, flags, pass);
        Assert.True(_rig.Acquire(made).IsActive);
        return made;
    }

    /// <summary>Part of its memory, in pages.</summary>
    internal static ClientMemory Part(ClientMemory memory, ulong first, ulong count) =>
        new(memory.Address + (first * Page), count * Page);

    /// <summary>Ends the process in the middle of whatever it does.</summary>
    internal void Kill()
    {
        _process.Kill();
        _process.WaitForExit();
    }

    /// <summary>The connection ends: its handles go.</summary>
    internal void HangUp()
    {
        _table?.Dispose();
        _table = null;
        _socket.Dispose();
    }

    public void Dispose()
    {
        HangUp();
        _process.Kill();
        _process.WaitForExit();
        _process.Dispose();
        Pidfd?.Dispose();
    }

    private static string Compile()
    {
        string source = Path.Combine(AppContext.BaseDirectory, "memory_client.c");
        string program = Path.Combine(AppContext.BaseDirectory, $"memory-client-{Environment.ProcessId}");
        (int code, _, string errors) = Xdp.Command.Run("clang", $"-O2 -Wall -Werror -o {program} {source}");
        Assert.True(code == 0, errors);
        return program;
    }
}
