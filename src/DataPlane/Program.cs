using Nf.DataPlane;
using Nf.DataPlane.Cpumaps;
using Nf.Linux;
using Nf.SharedMemory.Store;

if (args is [BpfLoaderChild.Command, var socket])
{
    return BpfLoaderChild.Serve(socket);
}

return DataPlaneOptions.Command(Run).Parse(args).Invoke();

// A life of the data plane: warm up, say so, wait for the turn, adopt what the life before left, run until told to
// stop.
static int Run(DataPlaneOptions options)
{
    try
    {
        using StoreClient keeper = StoreClient.Connect(options.KeeperSocket);
        Prepare(options);
        keeper.AnnounceReady();
        Activation? activation = keeper.WaitForActivation();
        if (activation is null)
        {
            return 0;
        }

        using var life = new Life(options, keeper, activation);
        return life.Run();
    }
    catch (Exception e) when (e is LinuxException or StoreException)
    {
        Console.Error.WriteLine($"nf-dataplane: {e.Message}");
        return 1;
    }
}

// Compiles what a takeover needs. The active life may be at work meanwhile, so this keeps off the CPUs of its workers
// where there are others; once the turn comes, there is nobody to keep clear of.
static void Prepare(DataPlaneOptions options)
{
    IReadOnlyList<int> allowed = CpuAffinity.AllowedCpus();
    int[] aside = [.. allowed.Except(options.WorkerCpus)];
    CpuAffinity.SetCurrentThread(aside.Length > 0 ? aside : allowed);
    WarmUp.Run();
    Rehearsal.Run(options);
    CpuAffinity.SetCurrentThread(allowed);
}
