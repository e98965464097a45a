using Nf.Linux;

namespace Nf.DataPlane.Cpumaps;

/// <summary>
/// Whether an ordinary thread gets to run on a CPU. An update of an entry waits for that inside the kernel, where
/// nothing can end the wait, not even SIGKILL; so it is tried first, with a thread that can be called back.
/// </summary>
internal static class CpuProbe
{
    /// <summary>Longest wait: real-time threads leave others a share of each second, or all is theirs.</summary>
    internal static readonly TimeSpan Patience = TimeSpan.FromSeconds(2);

    /// <returns>False when no thread of ours ran there in time.</returns>
    internal static bool Responds(uint cpu, TimeSpan patience)
    {
        using var started = new ManualResetEventSlim();
        using var ran = new ManualResetEventSlim();
        int tid = 0;
        var thread = new Thread(() =>
        {
            Volatile.Write(ref tid, CurrentThread.Tid);
            started.Set();
            try
            {
                CpuAffinity.PinCurrentThread((int)cpu);
            }
            catch (LinuxException)
            {
                // Not ours to use (a cpuset), but the kernel's threads may: nothing is known of it.
            }

            ran.Set();
        })
        {
            IsBackground = true,
            Name = "nf-cpu-probe",
        };
        IReadOnlyList<int> allowed = CpuAffinity.AllowedCpus();
        thread.Start();
        started.Wait();
        bool responds = ran.Wait(patience);
        if (!responds)
        {
            IEnumerable<int> others = allowed.Where(other => other != cpu).DefaultIfEmpty((int)cpu);
            CpuAffinity.SetThread(Volatile.Read(ref tid), others);
        }

        thread.Join();
        return responds;
    }
}
