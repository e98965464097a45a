namespace Nf.DataPlane.VhostFuzz;

/// <summary>Something that reads a stranger's bytes, and what may never come of it.</summary>
internal interface IFuzzTarget
{
    /// <summary>Runs inputs made from the corpus.</summary>
    /// <param name="executions">At least how many.</param>
    /// <param name="seed">Of the chance: the same does the same again.</param>
    /// <param name="corpus">Inputs to begin with.</param>
    /// <param name="progress">Told now and then how many were run.</param>
    /// <exception cref="FuzzFailureException">One of them did what it may not.</exception>
    void Run(long executions, int seed, IEnumerable<string> corpus, Action<long> progress);

    /// <summary>Runs one input.</summary>
    /// <exception cref="FuzzFailureException">It did what it may not.</exception>
    void RunOne(string input, int seed);

    /// <summary>Inputs that came to something that the corpus does not, each as short as it can be.</summary>
    IEnumerable<string> Found();

    /// <summary>How far the inputs reached, for a person.</summary>
    string Describe();
}

/// <summary>An input did what none may do.</summary>
/// <param name="input">In the form of the corpus.</param>
/// <param name="what">What it did.</param>
internal sealed class FuzzFailureException(string input, Exception what) : Exception(what.Message, what)
{
    internal string Input => input;
}

/// <summary>A rule that holds for every input did not hold.</summary>
internal sealed class RuleBrokenException(string message) : Exception(message);
