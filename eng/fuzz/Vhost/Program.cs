using System.Diagnostics;
using System.Globalization;
using Nf.DataPlane.VhostFuzz;
using Nf.DataPlane.VhostFuzz.Messages;

const string Usage =
    """
    vhost-fuzz TARGET [--executions N] [--seed N] [--corpus DIR] [--input FILE]

    TARGET        messages: what a front-end may send, against whole sessions; an execution is one message
    --executions  how many; 10000000 unless told
    --seed        of the chance; 1 unless told. The same seed does the same again.
    --corpus      inputs to begin with; those beside the program unless told
    --store       a file for inputs that came to something new, at most 256
    --input       run this one input instead, as a failure left it

    Ends with 0 when nothing was found; with 1 and a file fuzz-failure-TARGET.txt when something was.
    """;

var targets = new Dictionary<string, Func<IFuzzTarget>> { ["messages"] = () => new MessageTarget() };
if (args.Length % 2 == 0 || !targets.TryGetValue(args[0], out Func<IFuzzTarget>? make))
{
    Console.Error.WriteLine(Usage);
    return 2;
}

IFuzzTarget target = make();
var options = args.Skip(1).Chunk(2).ToDictionary(pair => pair[0], pair => pair[1]);
long executions = long.Parse(options.GetValueOrDefault("--executions", "10000000"), CultureInfo.InvariantCulture);
int seed = int.Parse(options.GetValueOrDefault("--seed", "1"), CultureInfo.InvariantCulture);
string corpus = options.GetValueOrDefault("--corpus", Path.Combine(AppContext.BaseDirectory, "corpus", args[0]));
var watch = Stopwatch.StartNew();
try
{
    if (options.TryGetValue("--input", out string? input))
    {
        target.RunOne(File.ReadAllText(input), seed);
        Console.WriteLine($"{input}: nothing found");
        return 0;
    }

    target.Run(executions, seed, Corpus.Read(corpus), done =>
        Console.Error.WriteLine(
            $"{args[0]}: {done} executions, {done / watch.Elapsed.TotalSeconds:F0} a second, {target.Describe()}"));
    Console.WriteLine(
        $"{args[0]}: {executions} executions in {watch.Elapsed.TotalSeconds:F0} s, nothing found; {target.Describe()}");
    if (options.TryGetValue("--store", out string? store))
    {
        Corpus.Write(store, [.. target.Found()]);
    }

    return 0;
}
catch (FuzzFailureException failure)
{
    string file = $"fuzz-failure-{args[0]}.txt";
    File.WriteAllText(file, failure.Input);
    Console.Error.WriteLine($"{args[0]}: seed {seed}: {failure.InnerException}\nthe input is in {file}");
    return 1;
}
