namespace Nf.Keeper;

/// <summary>What the keeper has to say: one line each, on standard error.</summary>
internal static class Log
{
    internal static void Write(string line) => Console.Error.WriteLine($"keeper: {line}");
}
