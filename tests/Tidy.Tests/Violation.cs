namespace Nf.Tidy.Tests;

/// <summary>A place where a rule does not hold, as "file:line: what".</summary>
internal sealed record Violation(string Message)
{
    public override string ToString() => Message;
}
