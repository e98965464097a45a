using Nf.Internal.V1;

namespace Nf.DataPlane.Control;

/// <summary>The answer to a command that may take a while. Control thread only.</summary>
internal sealed class PendingReply
{
    private Action<Reply>? _then;

    /// <summary>The answer; null while it is not known.</summary>
    internal Reply? Reply { get; private set; }

    /// <summary>An answer that is known at once.</summary>
    internal static PendingReply Known(Reply reply)
    {
        var known = new PendingReply();
        known.Complete(reply);
        return known;
    }

    /// <summary>Answers; the first answer counts.</summary>
    internal void Complete(Reply reply)
    {
        if (Reply is null)
        {
            Reply = reply;
            _then?.Invoke(reply);
        }
    }

    /// <summary>Answers with a fault.</summary>
    internal void Fail(CommandFaultException fault) => Complete(CommandReplies.Failed(fault));

    /// <summary>Has somebody told of the answer, once, when it is known.</summary>
    internal void Then(Action<Reply> then)
    {
        _then = then;
        if (Reply is not null)
        {
            then(Reply);
        }
    }
}
