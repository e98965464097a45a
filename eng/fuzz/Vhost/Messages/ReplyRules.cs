using System.Runtime.InteropServices;
using Nf.DataPlane.Vhost.Protocol;
using Nf.DataPlane.Vhost.Session;

namespace Nf.DataPlane.VhostFuzz.Messages;

/// <summary>What holds for the replies to any input.</summary>
internal static class ReplyRules
{
    private const uint Flags = 5;

    /// <summary>Checks that each reply is whole, in order, to a message that may be answered, and answered once; and
    /// that no message waits for ever for its answer.</summary>
    /// <param name="input">What was sent to the session, end to end.</param>
    /// <param name="handled">Messages it handled.</param>
    /// <param name="replies">What it sent, end to end.</param>
    /// <param name="ended">Whether it gave the connection up, or replies are still kept.</param>
    /// <returns>A number that stands for what happened.</returns>
    internal static int Check(ReadOnlySpan<byte> input, ulong handled, ReadOnlySpan<byte> replies, bool ended)
    {
        var happened = new HashCode();
        for (ulong i = 0; i < handled; i++)
        {
            MessageHeader header = MessageHeader.Parse(input);
            input = input[(MessageHeader.Bytes + (int)header.PayloadBytes)..];
            RequestRow? row = RequestTable.Find(header.Request);
            bool always = row is not null && row.Reply != ReplyKind.Ack;
            bool answered = IsFirst(replies, header.Request) && (always || header.NeedReply);
            happened.Add(header.Request);
            happened.Add(answered);
            if (answered)
            {
                happened.Add(Take(ref replies, row?.Reply ?? ReplyKind.Ack));
            }
            else if (always && !ended)
            {
                throw new RuleBrokenException($"{header.Request} was not answered");
            }
        }

        return replies.IsEmpty || ended
            ? happened.ToHashCode()
            : throw new RuleBrokenException($"{replies.Length} bytes of replies that nobody asked for");
    }

    private static bool IsFirst(ReadOnlySpan<byte> replies, VhostRequest request) =>
        replies.Length >= MessageHeader.Bytes && MemoryMarshal.Read<MessageHeader>(replies).Request == request;

    // Whether it said yes.
    private static bool Take(ref ReadOnlySpan<byte> replies, ReplyKind kind)
    {
        MessageHeader reply = MemoryMarshal.Read<MessageHeader>(replies);
        Require(reply.Flags == Flags, $"flags 0x{reply.Flags:x} of a reply");
        Require(reply.PayloadBytes <= 12 + ConfigPayload.SpaceBytes, $"a reply of {reply.PayloadBytes} bytes");
        int total = MessageHeader.Bytes + (int)reply.PayloadBytes;
        if (replies.Length < total)
        {
            replies = [];
            return false;
        }

        ReadOnlySpan<byte> body = replies[MessageHeader.Bytes..total];
        replies = replies[total..];
        Require(kind is not (ReplyKind.Ack or ReplyKind.Status) || body.Length == 8, "an answer that is no number");
        return body.Length != 0 && body[0] == 0;
    }

    private static void Require(bool holds, string message)
    {
        if (!holds)
        {
            throw new RuleBrokenException(message);
        }
    }
}
