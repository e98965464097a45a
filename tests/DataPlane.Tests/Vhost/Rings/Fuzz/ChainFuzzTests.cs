using System.Diagnostics;
using System.Globalization;
using Xunit.Abstractions;

namespace Nf.DataPlane.Tests.Vhost.Rings.Fuzz;

// The walker of chains against the rules written down a second time (ChainOracle), on inputs that grow from stored
// ones. A short run here; eng/fuzz.sh runs as long as it is told, and stores what it learned.
public sealed class ChainFuzzTests(ITestOutputHelper output) : IDisposable
{
    private const long RunsUnlessTold = 200_000;
    private const string CorpusName = "chains.corpus.txt";

    private readonly ChainTarget _target = new();

    private static string CorpusPath => Path.Combine(AppContext.BaseDirectory, "Vhost", "Rings", "Fuzz", CorpusName);

    [Fact]
    public void Walk_StoredInputs_AgreeWithTheRules()
    {
        string[] corpus = File.ReadAllLines(CorpusPath);
        Assert.All(corpus, hex => _target.Run(ChainInput.Of(hex)));
        Assert.True(corpus.Length >= 100, $"{corpus.Length} stored inputs");
    }

    [Fact]
    public void Walk_ManyMutatedInputs_AgreeWithTheRules()
    {
        long runs = long.TryParse(Environment.GetEnvironmentVariable("NF_FUZZ_RUNS"), out long told)
            ? told
            : RunsUnlessTold;
        int seed = int.TryParse(Environment.GetEnvironmentVariable("NF_FUZZ_SEED"), out int toldSeed) ? toldSeed : 1;
        var random = new Random(seed);
        List<ChainInput> corpus = [.. File.ReadAllLines(CorpusPath).Select(ChainInput.Of)];
        int stored = corpus.Count;
        var known = new HashSet<string>(corpus.Select(_target.Run));
        long start = Stopwatch.GetTimestamp();
        for (long run = 0; run < runs; run++)
        {
            ChainInput input = corpus.Count == 0 ? new ChainInput() : corpus[random.Next(corpus.Count)].Clone();
            input.Mutate(random);
            if (known.Add(Run(input)))
            {
                corpus.Add(input);
            }
        }

        double seconds = Stopwatch.GetElapsedTime(start).TotalSeconds;
        output.WriteLine(string.Create(
            CultureInfo.InvariantCulture,
            $"chains: {runs} runs in {seconds:F1} s ({runs / seconds / 1000:F0} k/s), seed {seed}, " +
            $"{known.Count} outcomes, {corpus.Count - stored} inputs new to the {stored} stored ones"));
        if (Environment.GetEnvironmentVariable("NF_FUZZ_STORE") is { Length: > 0 } folder)
        {
            IEnumerable<string> lines = corpus.Select(input => input.Minimise(_target.Run).ToHex());
            File.WriteAllLines(Path.Combine(folder, CorpusName), lines);
        }
    }

    public void Dispose() => _target.Dispose();

    private string Run(ChainInput input)
    {
        try
        {
            return _target.Run(input);
        }
        catch (Exception e)
        {
            throw new InvalidOperationException($"input {input.ToHex()}", e);
        }
    }
}
