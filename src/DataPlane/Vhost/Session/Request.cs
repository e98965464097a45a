using Nf.DataPlane.Vhost.Protocol;

namespace Nf.DataPlane.Vhost.Session;

/// <summary>A message in hand; its size and its descriptors are what its row of <see cref="RequestTable"/>
/// asks.</summary>
internal readonly ref struct Request(MessageHeader header, ReadOnlySpan<byte> payload, DescriptorSet descriptors)
{
    internal VhostRequest Kind => header.Request;

    internal bool NeedReply => header.NeedReply;

    internal ReadOnlySpan<byte> Payload { get; } = payload;

    internal DescriptorSet Descriptors { get; } = descriptors;
}
