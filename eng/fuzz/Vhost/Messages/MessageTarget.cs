using Nf.DataPlane.Vhost.Rings;
using Nf.DataPlane.Vhost.Session;

namespace Nf.DataPlane.VhostFuzz.Messages;

/// <summary>
/// Whole sessions against whatever a front-end may send; an execution is one message. No exception escapes, every reply
/// is as the specification wants it, a ring runs only on memory that is there, and nothing stays open or mapped.
/// </summary>
internal sealed class MessageTarget : IFuzzTarget
{
    private const int KeptMax = 4096;
    private const ulong ProgressEvery = 1_000_000;
    private const int TurnsMax = 2000;

    private readonly HashSet<int> _seen = [];
    private readonly List<MessageInput> _kept = [];
    private int _seeds;
    private byte[] _joined = [];
    private ulong _messages;
    private ulong _inputs;
    private ulong _starts;

    public void Run(long executions, int seed, IEnumerable<string> corpus, Action<long> progress)
    {
        var chance = new Random(seed);
        var mutator = new MessageMutator(chance);
        using var pool = new DescriptorPool();
        _kept.AddRange(corpus.Select(text => MessageInput.Parse(text, seed)));
        _seeds = _kept.Count;
        ulong told = 0;
        for (long i = 0; i < _seeds || _messages < (ulong)executions; i++)
        {
            MessageInput input = i < _seeds
                ? _kept[(int)i]
                : new MessageInput(chance.Next(), mutator.Mutate(Any(chance).Pieces, Any(chance).Pieces));
            if (_seen.Add(Execute(input, pool)) && i >= _seeds)
            {
                Keep(input, chance);
            }

            _inputs++;
            if (_messages - told >= ProgressEvery)
            {
                told = _messages;
                progress((long)_messages);
            }
        }

        if (pool.Mapped != 0)
        {
            throw new FuzzFailureException("", new RuleBrokenException("memory stayed mapped"));
        }
    }

    public void RunOne(string input, int seed)
    {
        using var pool = new DescriptorPool();
        Execute(MessageInput.Parse(input, seed), pool);
    }

    public IEnumerable<string> Found()
    {
        using var pool = new DescriptorPool();
        return [.. _kept.Skip(_seeds).Select(input => Minimise(input, pool).Format()).Distinct()];
    }

    public string Describe() =>
        $"{_messages} messages of {_inputs} front-ends, {_starts} rings started, {_seen.Count} ways to end, " +
        $"{_kept.Count} inputs kept";

    private MessageInput Any(Random chance) => _kept[chance.Next(_kept.Count)];

    // New ways push out others, but never the corpus.
    private void Keep(MessageInput input, Random chance)
    {
        if (_kept.Count < KeptMax)
        {
            _kept.Add(input);
        }
        else
        {
            _kept[_seeds + chance.Next(KeptMax - _seeds)] = input;
        }
    }

    // Leaves out every piece without which the input ends in the same way.
    private MessageInput Minimise(MessageInput input, DescriptorPool pool)
    {
        int way = Execute(input, pool);
        for (int i = input.Pieces.Count - 1; i >= 0; i--)
        {
            var shorter = new MessageInput(input.Chance, [.. input.Pieces.Where((_, at) => at != i)]);
            input = Execute(shorter, pool) == way ? shorter : input;
        }

        return input;
    }

    private int Execute(MessageInput input, DescriptorPool pool)
    {
        try
        {
            return Execute(input.Pieces, input.Chance, pool);
        }
        catch (Exception e)
        {
            throw new FuzzFailureException(input.Format(), e);
        }
    }

    private int Execute(List<Piece> input, int seed, DescriptorPool pool)
    {
        var chance = new Random(seed);
        using var host = new FuzzHost();
        var faults = new VhostFaults();
        var stream = new FuzzStream(pool);
        stream.Begin(input, chance);
        var session = new VhostSession(stream, host, faults);
        if (chance.Next(16) == 0)
        {
            host.OnChanged = () => session.Save();
        }

        ulong handled;
        bool ended;
        int rings;
        try
        {
            Drive(session, stream, chance);
            handled = session.MessagesHandled;
            ended = session.EndReason is not null || session.WantsWrite;
            rings = host.Running;
        }
        finally
        {
            session.Dispose();
        }

        Require(host.Running == 0, "a ring runs on after the end of its session");
        Require(pool.TakeBack(), "a descriptor stayed open");
        _messages += handled;
        _starts += host.Starts;
        int happened = ReplyRules.Check(Joined(input), handled, stream.Sent, ended);
        return HashCode.Combine(happened, rings, ended, faults.LastMessage.Length);
    }

    private ReadOnlySpan<byte> Joined(List<Piece> input)
    {
        int length = 0;
        foreach (Piece piece in input)
        {
            length += piece.Bytes.Length;
        }

        if (_joined.Length < length)
        {
            _joined = new byte[length];
        }

        int at = 0;
        foreach (Piece piece in input)
        {
            piece.Bytes.CopyTo(_joined, at);
            at += piece.Bytes.Length;
        }

        return _joined.AsSpan(0, length);
    }

    private static void Drive(VhostSession session, FuzzStream stream, Random chance)
    {
        for (int turn = 0; session.OnReadable(); turn++)
        {
            if (session.WantsWrite && !session.OnWritable())
            {
                return;
            }

            if (chance.Next(32) == 0)
            {
                session.OnConfigChanged();
                session.OnRingFault(chance.Next(4), RingFault.IndexAhead, "a fault");
                if (!session.OnTick(turn * 1000L))
                {
                    return;
                }
            }

            if (stream.IsEmpty)
            {
                return;
            }

            Require(turn < TurnsMax, "a session that comes to no end");
        }
    }

    private static void Require(bool holds, string message)
    {
        if (!holds)
        {
            throw new RuleBrokenException(message);
        }
    }
}
