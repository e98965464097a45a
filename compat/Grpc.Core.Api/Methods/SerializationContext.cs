using System.Buffers;

namespace Grpc.Core;

/// <summary>Where a marshaller puts the bytes of one message; the transport implements it.</summary>
public abstract class SerializationContext
{
    /// <summary>Ends the message with all its bytes at once.</summary>
    public virtual void Complete(byte[] payload) => throw new NotImplementedException();

    /// <summary>A buffer to write the message into before <see cref="Complete()"/>.</summary>
    public virtual IBufferWriter<byte> GetBufferWriter() => throw new NotImplementedException();

    /// <summary>Announces how many bytes will be written, so that the transport can write its prefix first.</summary>
    public virtual void SetPayloadLength(int payloadLength)
    {
        // A hint; a transport that has no use for it need not override this.
    }

    /// <summary>Ends a message written through <see cref="GetBufferWriter"/>.</summary>
    public virtual void Complete() => throw new NotImplementedException();
}
