using System.Diagnostics;
using System.Globalization;
using System.Text.Json;
using Nf.DataPlane.SteerBench;
using Nf.Linux;

// steer-bench IFINDEX ROUNDS FRAMES: frames that the kernel makes (BPF_PROG_RUN, live) on CPU 0 are redirected to CPU
// 1, by rules and by the least program that does it, in turns; prints a JSON array of rows.
if (args.Length != 3)
{
    Console.Error.WriteLine("usage: steer-bench IFINDEX ROUNDS FRAMES");
    return 2;
}

int ifindex = int.Parse(args[0], CultureInfo.InvariantCulture);
int rounds = int.Parse(args[1], CultureInfo.InvariantCulture);
int frames = int.Parse(args[2], CultureInfo.InvariantCulture);
CpuAffinity.PinCurrentThread(0);
byte[] frame = Contestants.Frame(60);
using var contestants = new Contestants();
var rows = new List<object>();
foreach (int count in new[] { 0, 16, 64 })
{
    Compare($"redirect, {count} rules", contestants.Least(false), contestants.Rules(count));
}

foreach (int count in new[] { 1, 1000, 100_000 })
{
    Compare($"redirect, {count} prefixes", contestants.Least(true), contestants.Prefixes(count));
}

foreach (int count in new[] { 16, 64, 256 })
{
    rows.Add(new { row = $"compile and load {count} rules", unit = "ms", ours = LoadMs(count), peer = (double?)null });
}

Console.WriteLine(JsonSerializer.Serialize(rows));
return 0;

// The median of the rounds' ratios: what the machine does in between hits both of a round.
void Compare(string row, BpfProgram least, BpfProgram rules)
{
    using (least)
    using (rules)
    {
        Mpps(least);
        Mpps(rules);
        var samples = new List<(double Ours, double Peer)>();
        for (int round = 0; round < rounds; round++)
        {
            double first = Mpps(round % 2 == 0 ? least : rules);
            double second = Mpps(round % 2 == 0 ? rules : least);
            samples.Add(round % 2 == 0 ? (second, first) : (first, second));
        }

        (double ours, double peer) = samples.OrderBy(s => s.Ours / s.Peer).ElementAt(samples.Count / 2);
        rows.Add(new { row, unit = "Mpps", ours, peer, ratio = ours / peer });
    }
}

double Mpps(BpfProgram program)
{
    long start = Stopwatch.GetTimestamp();
    BpfProgRun.LiveFrames(program, frame, frames, 64, ifindex);
    return frames / Stopwatch.GetElapsedTime(start).TotalMicroseconds;
}

double LoadMs(int count)
{
    contestants.Rules(count).Dispose();
    long start = Stopwatch.GetTimestamp();
    contestants.Rules(count).Dispose();
    return Stopwatch.GetElapsedTime(start).TotalMilliseconds;
}
