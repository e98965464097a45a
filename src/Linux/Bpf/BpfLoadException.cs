namespace Nf.Linux;

/// <summary>An object file could not be opened or loaded; says what libbpf and the verifier said.</summary>
/// <param name="objectName">Which object.</param>
/// <param name="errno">The error of the step that failed.</param>
/// <param name="messages">libbpf's warnings.</param>
/// <param name="verifierLog">The verifier's log of the program that was refused; empty when none was.</param>
public sealed class BpfLoadException(string objectName, Errno errno, string messages, string verifierLog)
    : IOException(
        $"BPF object {objectName}: {errno}{Environment.NewLine}{messages}{Environment.NewLine}{Tail(verifierLog)}",
        (int)errno)
{
    // Enough for the reason, which the verifier writes last; the property has everything.
    private const int TailCharactersMax = 4000;

    /// <summary>The error of the step that failed.</summary>
    public Errno Errno { get; } = errno;

    /// <summary>libbpf's warnings.</summary>
    public string Messages { get; } = messages;

    /// <summary>The verifier's log in full.</summary>
    public string VerifierLog { get; } = verifierLog;

    private static string Tail(string log) => log.Length <= TailCharactersMax ? log : "…" + log[^TailCharactersMax..];
}
