using System.Runtime.InteropServices;

namespace Nf.DataPlane.VhostFuzz.Messages;

/// <summary>Makes inputs out of inputs.</summary>
internal sealed class MessageMutator(Random chance)
{
    private const int PiecesMax = 40;

    private static readonly ulong[] Numbers =
    [
        0, 1, 2, 3, 4, 7, 8, 9, 12, 16, 20, 24, 32, 40, 44, 45, 64, 68, 127, 128, 255, 256, 257, 511, 512, 1024, 4095,
        4096, 4097, 0x7fff, 0x8000, 0x8001, 0xffff, 0x10000, 0x8000_8000, 0xf_ffff, 0x10_0000, 0x7fff_ffff,
        0x8000_0000, 0xffff_ffff, 0x1_0000_0000, 0x7f00_0000_0000, 0x7fff_ffff_ffff_ffff, 0xffff_ffff_ffff_f000,
        0xffff_ffff_ffff_ffff, 1UL << 26, 1UL << 30, 1UL << 34, 0x1_0000_0009,
    ];

    /// <summary>A new input; the old one stays as it is.</summary>
    /// <param name="input">What to change.</param>
    /// <param name="other">Where to take pieces from.</param>
    internal List<Piece> Mutate(List<Piece> input, List<Piece> other)
    {
        var pieces = new List<Piece>(input);
        int changes = 1 + chance.Next(4);
        for (int i = 0; i < changes; i++)
        {
            Change(pieces, other);
        }

        return pieces;
    }

    private void Change(List<Piece> pieces, List<Piece> other)
    {
        int at = chance.Next(pieces.Count + 1);
        switch (chance.Next(12))
        {
            case 0 when pieces.Count < PiecesMax && other.Count != 0:
                pieces.Insert(at, other[chance.Next(other.Count)]);
                break;
            case 1 when other.Count != 0 && pieces.Count < PiecesMax:
                int from = chance.Next(other.Count);
                pieces.AddRange(other[from..Math.Min(other.Count, from + PiecesMax - pieces.Count)]);
                break;
            case 2 when pieces.Count > 1 && at < pieces.Count:
                pieces.RemoveAt(at);
                break;
            case 3 when at < pieces.Count && pieces.Count < PiecesMax:
                pieces.Add(pieces[at]);
                break;
            case 4 when pieces.Count > 1 && at + 1 < pieces.Count:
                (pieces[at], pieces[at + 1]) = (pieces[at + 1], pieces[at]);
                break;
            case 5 when at < pieces.Count:
                pieces[at] = pieces[at] with { Kinds = OtherKinds(pieces[at].Kinds) };
                break;
            default:
                if (at < pieces.Count && pieces[at].Bytes.Length != 0)
                {
                    pieces[at] = pieces[at] with { Bytes = OtherBytes(pieces[at].Bytes) };
                }

                break;
        }
    }

    private string OtherKinds(string kinds) => chance.Next(4) switch
    {
        0 => "",
        1 when kinds.Length < 10 => kinds + AnyKind(),
        2 when kinds.Length != 0 => kinds[1..],
        _ => $"{AnyKind()}",
    };

    private char AnyKind() => DescriptorPool.Kinds[chance.Next(DescriptorPool.Kinds.Length)];

    private byte[] OtherBytes(byte[] old)
    {
        byte[] bytes = [.. old];
        int at = chance.Next(bytes.Length);
        switch (chance.Next(8))
        {
            case 0:
                bytes[at] ^= (byte)(1 << chance.Next(8));
                break;
            case 1:
                bytes[at] = (byte)chance.Next(256);
                break;
            case 2:
                Put(bytes, at, sizeof(ushort));
                break;
            case 3 or 4:
                Put(bytes, at & ~3, sizeof(uint));
                break;
            case 5:
                Put(bytes, at & ~3, sizeof(ulong));
                break;
            case 6:
                // A message of another length, with the size that says so, or without.
                Array.Resize(ref bytes, Math.Min(5000, chance.Next(2) == 0 ? at : bytes.Length + chance.Next(64)));
                if (bytes.Length >= 12 && chance.Next(2) == 0)
                {
                    MemoryMarshal.Write(bytes.AsSpan(8), bytes.Length - 12);
                }

                break;
            default:
                // A small step from what is there: next to a limit is where it matters.
                bytes[at] += (byte)(chance.Next(3) - 1);
                break;
        }

        return bytes;
    }

    private void Put(byte[] bytes, int at, int width)
    {
        Span<byte> number = stackalloc byte[sizeof(ulong)];
        MemoryMarshal.Write(number, Numbers[chance.Next(Numbers.Length)]);
        int length = Math.Min(width, bytes.Length - at);
        number[..length].CopyTo(bytes.AsSpan(at));
    }
}
