using Nf.Linux;

namespace Nf.DataPlane.Steering;

/// <summary>The parser that every set of rules stands behind: Bpf/steer.bpf.c, compiled by clang in the
/// build.</summary>
internal sealed class ParserCode
{
    private const string Resource = "steer.bpf.o";
    private const byte CodeCall = 0x85;

    // As in steer.bpf.c.
    private const int RulesMarker = 0x7fff0001;

    private static readonly Lazy<ParserCode> Plain = new(() => new ParserCode("xdp"));
    private static readonly Lazy<ParserCode> Frags = new(() => new ParserCode("xdp.frags"));

    private readonly BpfInstruction[] _code;
    private readonly int _callAt;

    private ParserCode(string section)
    {
        using Stream stream = typeof(ParserCode).Assembly.GetManifestResourceStream(Resource)
            ?? throw new InvalidOperationException($"resource {Resource} is not embedded");
        byte[] elf = new byte[stream.Length];
        stream.ReadExactly(elf);
        _code = BpfElf.ReadSection(elf, section);
        _callAt = Array.FindIndex(_code, IsMarker);
        if (_callAt < 0 || Array.FindLastIndex(_code, IsMarker) != _callAt)
        {
            throw new InvalidOperationException($"{Resource} must call the rules in one place");
        }
    }

    /// <summary>Writes the parser, which calls the rules with R1 the flow and R2 the context.</summary>
    internal static void Emit(BpfAssembler code, bool frags, BpfLabel rules)
    {
        ParserCode parser = (frags ? Frags : Plain).Value;
        int at = code.Count + parser._callAt;
        code.Append(parser._code);
        code.CallInPlace(at, rules);
    }

    private static bool IsMarker(BpfInstruction instruction) =>
        instruction is { Code: CodeCall, Immediate: RulesMarker };
}
