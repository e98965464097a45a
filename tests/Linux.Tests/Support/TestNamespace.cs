namespace Nf.Linux.Tests.Support;

/// <summary>
/// A network namespace of one test: without IPv6, so that nothing is on the wire but what the test sends.
/// </summary>
public sealed class TestNamespace : IDisposable
{
    private static int _count;

    public TestNamespace()
    {
        Name = $"nf-linux-{Environment.ProcessId}-{Interlocked.Increment(ref _count)}";
        Command.Run("ip", "netns", "add", Name);
        Namespace = NetworkNamespace.OpenPath(Path);
        Run(() => File.WriteAllText("/proc/sys/net/ipv6/conf/default/disable_ipv6", "1"));
    }

    public string Name { get; }

    public string Path => $"/run/netns/{Name}";

    public NetworkNamespace Namespace { get; }

    /// <summary>Runs ip(8) inside the namespace, its arguments separated by blanks.</summary>
    public void Ip(string arguments) => Command.Run("ip", ["-n", Name, .. arguments.Split(' ')]);

    /// <summary>Runs a program inside the namespace, its arguments separated by blanks.</summary>
    public string Execute(string program, string arguments) =>
        Command.Run("ip", ["netns", "exec", Name, program, .. arguments.Split(' ')]);

    /// <summary>Runs code on a thread inside the namespace.</summary>
    public T Run<T>(Func<T> action) => Namespace.Run(action);

    /// <inheritdoc cref="Run{T}(Func{T})"/>
    public void Run(Action action) => Namespace.Run(action);

    /// <summary>The number of an interface of the namespace.</summary>
    public int Ifindex(string name) => Run(() =>
    {
        using var route = new RouteNetlink();
        return route.FindLink(name)?.Ifindex ?? throw new InvalidOperationException($"no interface {name} in {Name}");
    });

    public void Dispose()
    {
        Namespace.Dispose();
        Command.Run("ip", "netns", "del", Name);
    }
}
