using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Text;
using Nf.Linux;

namespace Nf.SharedMemory.Broker;

/// <summary>A message in pieces; the body is valid as long as the bytes it was read from.</summary>
public readonly ref struct BrokerMessage
{
    internal BrokerMessage(BrokerHeader header, ReadOnlySpan<byte> body)
    {
        Header = header;
        Body = body;
    }

    /// <summary>The header.</summary>
    public BrokerHeader Header { get; }

    /// <summary>What follows it.</summary>
    public ReadOnlySpan<byte> Body { get; }

    /// <summary>The type without the answer bit.</summary>
    public BrokerMessageType Type => (BrokerMessageType)(Header.Type & ~BrokerProtocol.AnswerBit);

    /// <summary>Whether it answers a request.</summary>
    public bool IsAnswer => (Header.Type & BrokerProtocol.AnswerBit) != 0;

    /// <summary>The body as what its type says.</summary>
    /// <typeparam name="T">A struct of this folder.</typeparam>
    /// <exception cref="ArgumentOutOfRangeException">The body is shorter; a checked request never is.</exception>
    public T Read<T>()
        where T : unmanaged => MemoryMarshal.Read<T>(Body);

    /// <summary>A text that ends the message.</summary>
    /// <param name="offset">Where in the body it begins.</param>
    public string Text(int offset = 0) =>
        Encoding.UTF8.GetString(Body[Math.Min(offset, Body.Length)..]);
}

/// <summary>Turns packets of the broker socket into values and back. Pure: no socket, no descriptors, no state.
/// </summary>
public static class BrokerCodec
{
    /// <summary>Splits a packet.</summary>
    /// <returns>False when it is no message: too short, too long, or of another length than it says. Its peer does not
    /// speak this protocol.</returns>
    public static bool TrySplit(ReadOnlySpan<byte> packet, out BrokerMessage message)
    {
        message = default;
        if (packet.Length is < BrokerProtocol.HeaderBytes or > BrokerProtocol.MessageBytesMax)
        {
            return false;
        }

        BrokerHeader header = MemoryMarshal.Read<BrokerHeader>(packet);
        if (header.Length != packet.Length)
        {
            return false;
        }

        message = new BrokerMessage(header, packet[BrokerProtocol.HeaderBytes..]);
        return true;
    }

    /// <summary>Whether a message is a request in good form.</summary>
    /// <param name="message">What was received.</param>
    /// <param name="descriptorCount">How many descriptors came with it.</param>
    /// <param name="fault">What is wrong, for people; empty when nothing is.</param>
    /// <returns>None, or the errno of the answer: EPROTONOSUPPORT for another version, EOPNOTSUPP for an unknown type,
    /// EINVAL for a length, a number of descriptors or a field that its type does not have.</returns>
    public static Errno CheckRequest(in BrokerMessage message, int descriptorCount, out string fault)
    {
        BrokerHeader header = message.Header;
        fault = "";
        if (header.Version != BrokerProtocol.Version)
        {
            fault = $"version {header.Version}: this broker speaks {BrokerProtocol.Version}";
            return Errno.EPROTONOSUPPORT;
        }

        if (BrokerRule.For((BrokerMessageType)header.Type) is not { } rule)
        {
            fault = $"type {header.Type}: no such request";
            return Errno.EOPNOTSUPP;
        }

        if (message.Body.Length != rule.BodyBytes)
        {
            fault = $"length {header.Length}: {rule.Type} has {BrokerProtocol.HeaderBytes + rule.BodyBytes} bytes";
        }
        else if (descriptorCount > rule.DescriptorsMax)
        {
            fault = $"{descriptorCount} descriptors: {rule.Type} has {rule.DescriptorsMax} at most";
        }
        else if (header.Sequence == 0)
        {
            fault = "sequence 0: it is that of what comes unasked";
        }
        else if (header.Result != 0)
        {
            fault = $"result {header.Result}: 0 in a request";
        }

        return fault.Length == 0 ? Errno.None : Errno.EINVAL;
    }

    /// <summary>Writes a message without a body and returns its length.</summary>
    public static int Write(Span<byte> buffer, ushort type, uint sequence, Errno result = Errno.None) =>
        WriteHeader(buffer, type, sequence, result, BrokerProtocol.HeaderBytes);

    /// <summary>Writes a message and returns its length.</summary>
    /// <param name="buffer">Of at least <see cref="BrokerProtocol.MessageBytesMax"/> bytes.</param>
    /// <param name="type">With the answer bit in answers.</param>
    /// <param name="sequence">Of the request; 0 in what comes unasked.</param>
    /// <param name="body">What its type says.</param>
    /// <param name="text">Ends the message where its type has a text; cut to its limit.</param>
    /// <typeparam name="T">A struct of this folder.</typeparam>
    public static int Write<T>(Span<byte> buffer, ushort type, uint sequence, in T body, string text = "")
        where T : unmanaged
    {
        int length = BrokerProtocol.HeaderBytes + Unsafe.SizeOf<T>();
        MemoryMarshal.Write(buffer[BrokerProtocol.HeaderBytes..], body);
        length += WriteText(buffer[length..], text);
        return WriteHeader(buffer, type, sequence, Errno.None, length);
    }

    /// <summary>Writes the answer to a request that failed and returns its length.</summary>
    /// <param name="buffer">Of at least <see cref="BrokerProtocol.MessageBytesMax"/> bytes.</param>
    /// <param name="type">Of the request.</param>
    /// <param name="sequence">Of the request.</param>
    /// <param name="errno">Why; never none.</param>
    /// <param name="text">Field, value and rule; cut to its limit.</param>
    public static int WriteFailure(Span<byte> buffer, ushort type, uint sequence, Errno errno, string text)
    {
        int length = BrokerProtocol.HeaderBytes + WriteText(buffer[BrokerProtocol.HeaderBytes..], text);
        return WriteHeader(buffer, (ushort)(type | BrokerProtocol.AnswerBit), sequence, errno, length);
    }

    private static int WriteHeader(Span<byte> buffer, ushort type, uint sequence, Errno result, int length)
    {
        MemoryMarshal.Write(buffer, new BrokerHeader
        {
            Version = BrokerProtocol.Version,
            Type = type,
            Length = (uint)length,
            Sequence = sequence,
            Result = (uint)result,
        });
        return length;
    }

    // Whole characters only: a reader may insist on UTF-8.
    private static int WriteText(Span<byte> buffer, string text)
    {
        Encoding.UTF8.GetEncoder().Convert(
            text, buffer[..BrokerProtocol.TextBytesMax], flush: true, out _, out int written, out _);
        return written;
    }
}
