using System.Numerics;

namespace Nf.DataPlane.Vhost.Session;

/// <summary>What a front-end did wrong, by kind. Belongs to the device, not to a connection: who is thrown out comes
/// back.</summary>
internal sealed class VhostFaults
{
    private static readonly VhostFaultKind[] Kinds = Enum.GetValues<VhostFaultKind>();

    private readonly ulong[] _counts = new ulong[Kinds.Length];
    private readonly string[] _messages = new string[Kinds.Length];
    private readonly DateTimeOffset[] _times = new DateTimeOffset[Kinds.Length];

    /// <summary>Told of a fault whose count reached a power of two: often enough to be seen, too seldom to
    /// drown.</summary>
    internal Action<VhostFaultKind, string>? Noticed { get; set; }

    /// <summary>Every kind that happened, with its count and what was last said of it.</summary>
    internal IEnumerable<VhostFault> All =>
        from kind in Kinds
        where _counts[(int)kind] != 0
        select new VhostFault(kind, _counts[(int)kind], _messages[(int)kind], _times[(int)kind]);

    /// <summary>What was said of the fault that was noted last; empty before the first.</summary>
    internal string LastMessage { get; private set; } = "";

    /// <summary>How often a kind happened.</summary>
    internal ulong Count(VhostFaultKind kind) => _counts[(int)kind];

    /// <summary>Notes a fault.</summary>
    /// <param name="kind">What kind it is.</param>
    /// <param name="message">Names request, field, value and rule.</param>
    internal void Add(VhostFaultKind kind, string message)
    {
        _messages[(int)kind] = message;
        _times[(int)kind] = DateTimeOffset.UtcNow;
        LastMessage = message;
        if (BitOperations.IsPow2(++_counts[(int)kind]))
        {
            Noticed?.Invoke(kind, message);
        }
    }
}

/// <summary>One kind of fault.</summary>
/// <param name="Kind">What kind.</param>
/// <param name="Count">How often.</param>
/// <param name="LastMessage">What was last said of it.</param>
/// <param name="LastTime">When.</param>
internal readonly record struct VhostFault(
    VhostFaultKind Kind, ulong Count, string LastMessage, DateTimeOffset LastTime);
