using System.CommandLine;

namespace Nf.Keeper;

/// <summary>The command line of nf-keeper.</summary>
internal static class KeeperCommand
{
    private const string DefaultRunDirectory = "/run/nf";

    private static readonly TimeSpan HeartbeatTimeoutDefault = TimeSpan.FromSeconds(10);

    internal static RootCommand Create(Func<KeeperOptions, int> run)
    {
        var runDirectory = new Option<string>("--run")
        {
            Description = "Run directory; holds keeper.sock",
            DefaultValueFactory = _ => Environment.GetEnvironmentVariable("NF_RUN") ?? DefaultRunDirectory,
        };
        var noSpare = new Option<bool>("--no-spare")
        {
            Description = "Do not keep a second, warmed-up data plane for a fast takeover",
        };
        var dataPlane = new Option<string>("--data-plane")
        {
            Description = "The data plane program: an executable or a .dll",
            DefaultValueFactory = _ => FindDataPlane(AppContext.BaseDirectory),
        };
        var heartbeat = new Option<double>("--heartbeat-timeout")
        {
            Description = "Seconds of silence after which the data plane is killed and replaced; 0 for never",
            DefaultValueFactory = _ => HeartbeatTimeoutDefault.TotalSeconds,
        };
        heartbeat.Validators.Add(result =>
        {
            double seconds = result.GetValueOrDefault<double>();
            if (!(seconds >= 0 && seconds <= TimeSpan.FromDays(1).TotalSeconds))
            {
                result.AddError($"--heartbeat-timeout {seconds}: the rule is 0 to 86400 seconds");
            }
        });
        var arguments = new Argument<string[]>("data-plane-args")
        {
            Description = "Passed on to the data plane, after --",
            Arity = ArgumentArity.ZeroOrMore,
        };

        var command = new RootCommand("Starts the data plane, restarts it, and keeps its descriptors meanwhile.")
        {
            runDirectory, noSpare, dataPlane, heartbeat, arguments,
        };
        command.SetAction(parsed => run(new KeeperOptions(
            Path.GetFullPath(parsed.GetValue(runDirectory)!),
            Path.GetFullPath(parsed.GetValue(dataPlane)!),
            parsed.GetValue(arguments) ?? [],
            !parsed.GetValue(noSpare),
            TimeSpan.FromSeconds(parsed.GetValue(heartbeat)))));
        return command;
    }

    // Beside the keeper, as published together; a build without an executable leaves the .dll.
    private static string FindDataPlane(string directory)
    {
        string executable = Path.Combine(directory, "nf-dataplane");
        return File.Exists(executable) ? executable : executable + ".dll";
    }
}
