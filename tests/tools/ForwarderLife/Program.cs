using Nf.DataPlane.Lab;
using Nf.Linux;

namespace Nf.DataPlane.ForwarderLife;

/// <summary>
/// A life of the fast path alone, on rings in files whose other ends a test has. It is killed at any moment; the next
/// one recovers what it left.
/// </summary>
internal static unsafe class Program
{
    private static int Main(string[] arguments)
    {
        // The test holds the other end: when it is gone, whatever became of it, nobody waits for us.
        var end = new Thread(() =>
        {
            Console.In.ReadToEnd();
            Environment.Exit(3);
        })
        {
            IsBackground = true,
        };
        end.Start();
        switch (arguments)
        {
            case ["round", string folder, string plan]:
                return RunOneRound(folder, LabPlan.Of(plan));
            case ["life", string folder, string plan, string turn]:
                return Live(folder, LabPlan.Of(plan), uint.Parse(turn));
            case ["inflight", string folder, string work]:
                return RunInflight(folder, work);
            case ["stage", string folder, string milliseconds]:
                StageBench.Run(folder, int.Parse(milliseconds));
                return 0;
            default:
                Console.Error.WriteLine(
                    "usage: forwarder-life round|life FOLDER PLAN [TURN] | inflight FOLDER WORK | stage FOLDER MS");
                return 2;
        }
    }

    /// <summary>Recovers, says that it is ready, and runs a round for every word to.</summary>
    private static int RunOneRound(string folder, LabPlan plan)
    {
        WarmUp(plan);
        using LabMemory memory = LabMemory.Open(folder, plan);
        using var life = new LabLife(memory, fresh: false);
        AwaitGo(memory.Control);
        life.Worker.RunOnce();
        Finish(memory.Control);
        return 0;
    }

    /// <summary>Waits for its turn, recovers, and forwards until it is killed.</summary>
    private static int Live(string folder, LabPlan plan, uint turn)
    {
        WarmUp(plan);
        using LabMemory memory = LabMemory.Open(folder, plan);
        LabControl* control = memory.Control;
        while (Volatile.Read(ref control->Turn) != turn)
        {
            Thread.Yield();
        }

        using var life = new LabLife(memory, fresh: false);
        string fault = life.Audit();
        if (fault.Length != 0)
        {
            Console.Error.WriteLine($"forwarder-life {turn}: after recovery: {fault}");
            return 1;
        }

        Volatile.Write(ref control->Recovered, turn);
        while (Volatile.Read(ref control->Stop) == 0)
        {
            life.Worker.RunOnce();
        }

        return 0;
    }

    /// <summary>Does a piece of work on an inflight part: "split", "packed", or only the recovery of one.</summary>
    private static int RunInflight(string folder, string work)
    {
        bool packed = work.StartsWith("packed", StringComparison.Ordinal);

        // On copies first, so that everything it will run into is compiled before it is traced.
        for (int i = 0; i < 2; i++)
        {
            string scratch = Directory.CreateTempSubdirectory("nf-lab-").FullName;
            foreach (string name in InflightLab.FileNames)
            {
                File.Copy(Path.Combine(folder, name), Path.Combine(scratch, name));
            }

            using (InflightLab lab = InflightLab.Open(scratch, packed))
            {
                WorkInflight(lab, work);
            }

            Directory.Delete(scratch, recursive: true);
        }

        using InflightLab traced = InflightLab.Open(folder, packed);
        AwaitGo(traced.Control);
        WorkInflight(traced, work);
        Finish(traced.Control);
        return 0;
    }

    private static void WorkInflight(InflightLab lab, string work)
    {
        switch (work)
        {
            case "split":
                lab.WorkSplit();
                break;
            case "packed":
                lab.WorkPacked();
                break;
            case "split-recovery":
                lab.Split.Recover(lab.UsedIndex, InflightLab.Size);
                break;
            default:
                lab.Packed.Recover(lab.Ring, InflightLab.Size, 0, true);
                break;
        }
    }

    private static void AwaitGo(LabControl* control)
    {
        Volatile.Write(ref control->Thread, CurrentThread.Tid);
        while (Volatile.Read(ref control->Go) == Volatile.Read(ref control->Done))
        {
            Thread.Yield();
        }
    }

    // The tracer ends this process here; without one it waits to be killed.
    private static void Finish(LabControl* control)
    {
        Volatile.Write(ref control->Done, control->Go);
        while (Volatile.Read(ref control->Stop) == 0)
        {
            Thread.Yield();
        }
    }

    /// <summary>Has everything compiled that will run later: the fast path is to be traced, not the compiler.</summary>
    private static void WarmUp(LabPlan plan)
    {
        string folder = Directory.CreateTempSubdirectory("nf-lab-").FullName;
        try
        {
            using LabMemory memory = LabMemory.Create(folder, plan);
            using (var life = new LabLife(memory, fresh: true))
            {
                using var kernel = new LabKernel(memory);
                var sent = new List<byte[]>();
                life.Worker.RunOnce();
                for (int round = 0; round < 20; round++)
                {
                    foreach (int length in (int[])[10, 60, 1400, 4000, 5000, 9400])
                    {
                        kernel.Receive(0, LabFrame.Make(1, length));
                    }

                    life.Worker.RunOnce();
                    kernel.Send(plan.Ports[0].Peer, sent);
                    kernel.Complete(plan.Ports[0].Peer);
                    kernel.LieComplete(0, ulong.MaxValue);
                }
            }

            using var next = new LabLife(memory, fresh: false);
            next.Audit();
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }
}
