namespace Nf.Keeper;

/// <summary>What the keeper was started with; checked by <see cref="KeeperCommand"/>.</summary>
/// <param name="RunDirectory">Absolute; holds keeper.sock.</param>
/// <param name="DataPlane">The program of a life: an executable, or a .dll for dotnet.</param>
/// <param name="DataPlaneArguments">Passed on to it as they are.</param>
/// <param name="KeepSpare">Whether a second, warmed-up life waits for its turn.</param>
/// <param name="HeartbeatTimeout">Silence after which an active life is killed; zero for never.</param>
internal sealed record KeeperOptions(
    string RunDirectory,
    string DataPlane,
    IReadOnlyList<string> DataPlaneArguments,
    bool KeepSpare,
    TimeSpan HeartbeatTimeout)
{
    internal string SocketPath => Path.Combine(RunDirectory, "keeper.sock");
}
