using System.Diagnostics;
using Nf.DataPlane.Control;
using Nf.DataPlane.UserMemories;

namespace Nf.DataPlane.Tests.UserMemories;

/// <summary>User memory on a control thread that the test turns by hand, and the clients it belongs to.</summary>
internal sealed class MemoryRig : IDisposable
{
    /// <summary>Tests that count what this process has open run one after the other.</summary>
    internal const string Collection = "user memory";

    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(20);

    private readonly EventLoop _loop = new();
    private readonly Background _background;
    private readonly List<MemoryClient> _clients = [];

    internal MemoryRig(UserMemoryLimits? limits = null, UserMemorySupport? support = null, string? pressure = null)
    {
        _background = new Background(_loop);
        Registry = new UserMemoryRegistry(
            new ControlThread((fd, handler) => _loop.Add(fd, handler), _loop.Remove, _background.Post),
            limits ?? new UserMemoryLimits(),
            support ?? UserMemorySupport.Probe(),
            pressure);
        Registry.StateChanged += memory => States.Add(memory.State);
    }

    internal UserMemoryRegistry Registry { get; }

    /// <summary>Every state that any object entered.</summary>
    internal List<UserMemoryState> States { get; } = [];

    /// <summary>Descriptors of clients' memory and of userfaultfds that this process has open.</summary>
    internal static int OpenDescriptors => Directory.EnumerateFiles("/proc/self/fd")
        .Count(path => Target(path) is { } target
            && (target.Contains("nf-client", StringComparison.Ordinal)
                || target.Contains("userfaultfd", StringComparison.Ordinal)));

    /// <summary>Mappings of clients' memory that this process has.</summary>
    internal static int Mappings =>
        File.ReadLines("/proc/self/maps").Count(line => line.Contains("nf-client", StringComparison.Ordinal));

    /// <summary>Starts a client process and lets it connect.</summary>
    /// <param name="user">Whose it becomes; 0 stays root.</param>
    internal MemoryClient Start(uint user = 0)
    {
        var client = new MemoryClient(this, user);
        _clients.Add(client);
        return client;
    }

    /// <summary>Turns the control thread until something is so.</summary>
    internal void Pump(Func<bool> until, string what)
    {
        for (var clock = Stopwatch.StartNew(); !until(); _loop.RunOnce(1))
        {
            Assert.True(clock.Elapsed < Patience, $"waited {Patience.TotalSeconds} s for {what}");
        }
    }

    /// <summary>Turns it once, if there is something to do.</summary>
    internal void Turn() => _loop.RunOnce(0);

    /// <summary>Turns it until nothing is being done for anybody.</summary>
    internal void Settle()
    {
        for (int quiet = 0; quiet < 3; quiet = Registry.Pool.IsIdle ? quiet + 1 : 0)
        {
            Pump(() => Registry.Pool.IsIdle, "the pool to have nothing to do");
            Turn();
        }
    }

    /// <summary>Has the pages of an object fetched.</summary>
    internal AcquireAnswer Acquire(UserMemory memory)
    {
        AcquireAnswer answer = memory.Acquire();
        Pump(() => !(answer = memory.Acquire()).IsAgain, "the pages");
        return answer;
    }

    /// <summary>Fails when anything of a client is left in this process.</summary>
    internal void AssertNothingLeft()
    {
        Settle();
        Assert.Equal(
            (0, 0, 0, 0UL), (OpenDescriptors, Mappings, Registry.ClientCount, Registry.Counts.ActiveBytes));
    }

    public void Dispose()
    {
        _clients.ForEach(client => client.Dispose());
        Settle();
        Registry.Dispose();
        _background.Dispose();
        _loop.Dispose();
    }

    private static string? Target(string path)
    {
        try
        {
            return File.ResolveLinkTarget(path, returnFinalTarget: false)?.Name;
        }
        catch (IOException)
        {
            return null;
        }
    }
}
