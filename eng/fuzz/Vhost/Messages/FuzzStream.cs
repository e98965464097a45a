using System.Runtime.InteropServices;
using Nf.DataPlane.Vhost.Protocol;
using Nf.Linux;

namespace Nf.DataPlane.VhostFuzz.Messages;

/// <summary>A connection in memory: gives an input in pieces of any size, and takes replies, all, some or none of
/// them.</summary>
internal sealed class FuzzStream(DescriptorPool pool) : IMessageStream
{
    private readonly List<byte> _sent = [];
    private List<Piece> _input = [];
    private Random _chance = new(0);
    private int _piece;
    private int _at;
    private bool _cuts;
    private bool _ends;

    public FileDescriptor Descriptor => pool.Any;

    /// <summary>Whether everything was received.</summary>
    internal bool IsEmpty => _piece == _input.Count;

    /// <summary>Whatever was sent, end to end.</summary>
    internal ReadOnlySpan<byte> Sent => CollectionsMarshal.AsSpan(_sent);

    internal void Begin(List<Piece> input, Random chance)
    {
        _input = input;
        _chance = chance;
        _piece = 0;
        _at = 0;
        _cuts = chance.Next(4) == 0;
        _ends = chance.Next(2) == 0;
        _sent.Clear();
    }

    // As the kernel does it: a receive ends where a piece with descriptors begins, and does not mix two of them.
    public TransferStatus TryReceive(Span<byte> buffer, out int length, List<FileDescriptor> descriptors)
    {
        length = 0;
        while (_piece < _input.Count && _input[_piece].Bytes.Length == 0)
        {
            _piece++;
        }

        if (_piece == _input.Count)
        {
            return _ends ? TransferStatus.Closed : TransferStatus.WouldBlock;
        }

        if (_cuts && _chance.Next(8) == 0)
        {
            return TransferStatus.WouldBlock;
        }

        Piece piece = _input[_piece];
        if (_at == 0)
        {
            foreach (char kind in piece.Kinds)
            {
                descriptors.Add(pool.Give(kind));
            }
        }

        length = Math.Min(buffer.Length, piece.Bytes.Length - _at);
        if (_cuts && length > 1)
        {
            length = 1 + _chance.Next(length);
        }

        piece.Bytes.AsSpan(_at, length).CopyTo(buffer);
        _at += length;
        if (_at == piece.Bytes.Length)
        {
            _at = 0;
            _piece++;
        }

        return TransferStatus.Done;
    }

    public TransferStatus TrySend(ReadOnlySpan<byte> bytes, ReadOnlySpan<FileDescriptor> descriptors, out int sent)
    {
        sent = 0;
        if (_cuts && _chance.Next(4) == 0)
        {
            return TransferStatus.WouldBlock;
        }

        sent = _cuts ? 1 + _chance.Next(bytes.Length) : bytes.Length;
        _sent.AddRange(bytes[..sent]);
        return TransferStatus.Done;
    }

    public void Dispose()
    {
    }
}
