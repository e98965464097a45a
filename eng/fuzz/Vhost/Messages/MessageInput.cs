using System.Globalization;

namespace Nf.DataPlane.VhostFuzz.Messages;

/// <summary>A piece of what a front-end sends: bytes, and descriptors with the first of them.</summary>
/// <param name="Kinds">One letter for each descriptor; see <see cref="DescriptorPool"/>.</param>
/// <param name="Bytes">Usually one message.</param>
internal sealed record Piece(string Kinds, byte[] Bytes);

/// <summary>What a front-end sends, and the chance that decides where it is cut.</summary>
/// <remarks>
/// As text: a line for each piece, with the letters of its descriptors or "-", and its bytes in hexadecimal. A first
/// line "# chance N" tells the chance; other lines that begin with "#" say nothing.
/// </remarks>
/// <param name="Chance">Seed of the chance.</param>
/// <param name="Pieces">What is sent.</param>
internal sealed record MessageInput(int Chance, List<Piece> Pieces)
{
    private const string ChanceMark = "# chance ";

    /// <summary>Reads an input; <paramref name="chance"/> is for one that tells none.</summary>
    internal static MessageInput Parse(string text, int chance)
    {
        var pieces = new List<Piece>();
        string[] lines = text.Split('\n');
        foreach (string line in lines.Where(line => line.Length != 0 && line[0] != '#'))
        {
            string[] fields = line.Split(' ', StringSplitOptions.RemoveEmptyEntries);
            pieces.Add(new Piece(fields[0] == "-" ? "" : fields[0], Convert.FromHexString(fields[1])));
        }

        return new MessageInput(
            lines[0].StartsWith(ChanceMark, StringComparison.Ordinal)
                ? int.Parse(lines[0].AsSpan(ChanceMark.Length), CultureInfo.InvariantCulture)
                : chance,
            pieces);
    }

    /// <summary>The input as text.</summary>
    internal string Format() => string.Concat(Pieces.Select(piece => string.Create(
        CultureInfo.InvariantCulture,
        $"{(piece.Kinds.Length == 0 ? "-" : piece.Kinds)} {Convert.ToHexStringLower(piece.Bytes)}\n")).Prepend(
        string.Create(CultureInfo.InvariantCulture, $"{ChanceMark}{Chance}\n")));
}
