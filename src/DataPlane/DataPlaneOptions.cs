using System.CommandLine;
using Nf.DataPlane.Xdp;
using Nf.Linux;
using Nf.SharedMemory.Segments;

namespace Nf.DataPlane;

/// <summary>What the command line says.</summary>
/// <param name="RunDirectory">Where the sockets are.</param>
/// <param name="KeeperSocket">The keeper's socket.</param>
/// <param name="WorkerCpus">CPUs of the workers.</param>
/// <param name="Spin">How long a worker polls in vain before it sleeps.</param>
/// <param name="Attach">How XDP programs are attached.</param>
/// <param name="BrokerPolicy">Who may lease what: a JSON file; null for root and the own user only.</param>
internal sealed record DataPlaneOptions(
    string RunDirectory, string KeeperSocket, IReadOnlyList<int> WorkerCpus, TimeSpan Spin, XdpAttachPreference Attach,
    string? BrokerPolicy = null)
{
    /// <summary>Microseconds; long enough for a reply to come back over a virtual link, short enough to cost
    /// nothing.</summary>
    private const int SpinUsDefault = 50;

    /// <summary>The command line as a command that runs <paramref name="run"/>.</summary>
    internal static RootCommand Command(Func<DataPlaneOptions, int> run)
    {
        var directory = new Option<string>("--run")
        {
            Description = "Run directory, with the sockets",
            DefaultValueFactory = _ => Environment.GetEnvironmentVariable("NF_RUN") ?? "/run/nf",
        };
        var keeper = new Option<string?>("--keeper") { Description = "The keeper's socket [default: RUN/keeper.sock]" };
        var workers = new Option<string?>("--workers")
        {
            Description = "CPUs of the workers, such as 1 or 2,3,8-11 [default: the last CPU this process may use]",
        };
        var spin = new Option<int>("--spin-us")
        {
            Description = "Microseconds a worker polls in vain before it sleeps",
            DefaultValueFactory = _ => SpinUsDefault,
        };
        var attach = new Option<XdpAttachPreference>("--xdp-attach")
        {
            Description = "How XDP programs are attached",
            DefaultValueFactory = _ => XdpAttachPreference.Link,
        };
        var policy = new Option<string?>("--broker-policy")
        {
            Description = "Who may lease sockets from the broker: a JSON file, read at start, when it changes and on "
                + "SIGHUP [default: root and the data plane's own user]",
        };
        workers.Validators.Add(result =>
        {
            if (CpuList.TryParse(result.GetValueOrDefault<string?>(), AllowedCpus(), out _) is { Length: > 0 } fault)
            {
                result.AddError($"--workers: {fault}");
            }
        });
        spin.Validators.Add(result =>
        {
            if (result.GetValueOrDefault<int>() is < 0 or > 1_000_000)
            {
                result.AddError("--spin-us: 0 to 1000000 microseconds");
            }
        });

        var root = new RootCommand(
            "NfService data plane. Started by nf-keeper, which hands it what the life before left.")
        {
            directory, keeper, workers, spin, attach, policy,
        };
        root.SetAction(parsed =>
        {
            string run0 = parsed.GetValue(directory)!;
            CpuList.TryParse(parsed.GetValue(workers), AllowedCpus(), out IReadOnlyList<int> cpus);
            return run(new DataPlaneOptions(
                run0,
                parsed.GetValue(keeper) ?? Path.Combine(run0, "keeper.sock"),
                cpus,
                TimeSpan.FromMicroseconds(parsed.GetValue(spin)),
                parsed.GetValue(attach),
                parsed.GetValue(policy)));
        });
        return root;
    }

    private static IReadOnlyList<int> AllowedCpus() => CpuAffinity.AllowedCpus();

    /// <summary>Lists of CPUs in the kernel's notation.</summary>
    private static class CpuList
    {
        /// <returns>What is wrong; empty when nothing is.</returns>
        internal static string TryParse(string? text, IReadOnlyList<int> allowed, out IReadOnlyList<int> cpus)
        {
            var list = new SortedSet<int>();
            cpus = [allowed[^1]];
            if (string.IsNullOrEmpty(text))
            {
                return "";
            }

            foreach (string part in text.Split(','))
            {
                string[] ends = part.Split('-');
                if (ends.Length > 2 || !int.TryParse(ends[0], out int first) || !int.TryParse(ends[^1], out int last)
                    || first > last || last > CpuAffinity.CpuCountMax)
                {
                    return $"\"{part}\" is no CPU and no range of CPUs";
                }

                list.UnionWith(Enumerable.Range(first, last - first + 1));
            }

            if (list.FirstOrDefault(cpu => !allowed.Contains(cpu), -1) is >= 0 and int foreign)
            {
                return $"CPU {foreign} is not one this process may use ({string.Join(",", allowed)})";
            }

            if (list.Count > SegmentLayout.WorkerCountMax)
            {
                return $"{list.Count} CPUs, at most {SegmentLayout.WorkerCountMax}";
            }

            cpus = [.. list];
            return "";
        }
    }
}
