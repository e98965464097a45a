using System.Runtime.InteropServices;

namespace Nf.DataPlane.Vhost.Protocol;

/// <summary>The 12 bytes before every payload, in the byte order of the machine.</summary>
/// <param name="Request">What is asked; may be a number nobody defined.</param>
/// <param name="Flags">Version, and the bits below.</param>
/// <param name="PayloadBytes">Bytes that follow.</param>
[StructLayout(LayoutKind.Sequential, Pack = 1)]
internal readonly record struct MessageHeader(VhostRequest Request, uint Flags, uint PayloadBytes)
{
    internal const int Bytes = 12;

    /// <summary>Most bytes of a payload; an arbitrary limit, far above the largest legal one (a memory table: 264).
    /// </summary>
    internal const uint PayloadBytesMax = 4096;

    internal const uint Version = 0x1;
    internal const uint Reply = 0x4;
    internal const uint NeedReplyFlag = 0x8;

    private const uint VersionMask = 0x3;

    /// <summary>Whether the front-end waits for an answer, provided REPLY_ACK is negotiated.</summary>
    internal bool NeedReply => (Flags & NeedReplyFlag) != 0;

    /// <summary>Reads a header and checks what holds for every request.</summary>
    /// <param name="bytes">All 12 of them.</param>
    /// <exception cref="VhostFatalException">Version, flags or size break a rule.</exception>
    internal static MessageHeader Parse(ReadOnlySpan<byte> bytes)
    {
        MessageHeader header = MemoryMarshal.Read<MessageHeader>(bytes);
        if ((header.Flags & VersionMask) != Version)
        {
            throw header.Broken($"flags 0x{header.Flags:x} say version {header.Flags & VersionMask}, must be 1");
        }

        if ((header.Flags & Reply) != 0)
        {
            throw header.Broken($"flags 0x{header.Flags:x} of a request have the reply bit (0x4), must not");
        }

        if ((header.Flags & ~(VersionMask | NeedReplyFlag)) != 0)
        {
            throw header.Broken($"flags 0x{header.Flags:x} have reserved bits, must be 0x1 or 0x9");
        }

        return header.PayloadBytes <= PayloadBytesMax
            ? header
            : throw header.Broken($"size {header.PayloadBytes}, at most {PayloadBytesMax} bytes are taken");
    }

    private VhostFatalException Broken(string what) => new(VhostFaultKind.Framing, $"{Request}: {what}");
}
