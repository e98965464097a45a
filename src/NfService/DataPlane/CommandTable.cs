using Nf.Internal.V1;
using Kind = Nf.Internal.V1.Command.CommandOneofCase;
using Result = Nf.Internal.V1.Reply.ResultOneofCase;

namespace Nf.Service;

/// <summary>What each command may be answered with; one row per command.</summary>
internal static class CommandTable
{
    /// <summary>Most replies to one command. Arbitrary: an inventory of every slot fits several times.</summary>
    public const int PieceCountMax = 256;

    /// <summary>Most bytes of all replies to one command. Arbitrary: every prefix table there can be fits.</summary>
    public const long ReplyBytesMax = 1L << 29;

    private static readonly Dictionary<Kind, Row> Rows = new()
    {
        [Kind.CreateUmem] = new(Result.Umem, InPieces: false, Changes: true),
        [Kind.DeleteUmem] = new(Result.Done, InPieces: false, Changes: true),
        [Kind.BindXskSocket] = new(Result.XskSocket, InPieces: false, Changes: true),
        [Kind.UnbindXskSocket] = new(Result.Done, InPieces: false, Changes: true),
        [Kind.CreateLink] = new(Result.Link, InPieces: false, Changes: true),
        [Kind.DeleteLink] = new(Result.Done, InPieces: false, Changes: true),
        [Kind.GetInventory] = new(Result.Inventory, InPieces: true, Changes: false),
        [Kind.GetInterfaces] = new(Result.Interfaces, InPieces: true, Changes: false),
        [Kind.CreateVhostDevice] = new(Result.VhostDevice, InPieces: false, Changes: true),
        [Kind.DeleteVhostDevice] = new(Result.Done, InPieces: false, Changes: true),
        [Kind.CreateBridge] = new(Result.Bridge, InPieces: false, Changes: true),
        [Kind.DeleteBridge] = new(Result.Done, InPieces: false, Changes: true),
        [Kind.GetBridgeEntries] = new(Result.BridgeEntries, InPieces: false, Changes: false),
        [Kind.CreateCpumap] = new(Result.Cpumap, InPieces: false, Changes: true),
        [Kind.DeleteCpumap] = new(Result.Done, InPieces: false, Changes: true),
        [Kind.UpdateCpumapEntry] = new(Result.CpumapEntry, InPieces: false, Changes: true),
        [Kind.DeleteCpumapEntry] = new(Result.CpumapEntry, InPieces: false, Changes: true),
        [Kind.LoadCpumapProgram] = new(Result.CpumapProgram, InPieces: false, Changes: true),
        [Kind.UnloadCpumapProgram] = new(Result.Done, InPieces: false, Changes: true),
        [Kind.SetSteering] = new(Result.Steering, InPieces: false, Changes: true),
        [Kind.DeleteSteering] = new(Result.Done, InPieces: false, Changes: true),
        [Kind.TestSteering] = new(Result.Verdicts, InPieces: false, Changes: false),
        [Kind.IssueLeaseToken] = new(Result.LeaseToken, InPieces: false, Changes: false),
        [Kind.RevokeLease] = new(Result.Done, InPieces: false, Changes: true),
        [Kind.RevokeLeaseToken] = new(Result.Done, InPieces: false, Changes: false),
        [Kind.AuditUmem] = new(Result.Ledger, InPieces: false, Changes: false),
    };

    /// <summary>Whether a command changes what exists.</summary>
    public static bool Changes(Command command) => Rows[command.CommandCase].Changes;

    /// <summary>Checks that a reply can be one to a command, and adds it to the pieces before it.</summary>
    /// <returns>The pieces so far as one reply.</returns>
    /// <exception cref="InvalidDataException">It cannot.</exception>
    public static Reply Join(Command command, Reply? before, Reply piece)
    {
        Row row = Rows[command.CommandCase];
        if (piece.ResultCase != row.Result && piece.ResultCase != Result.Fault)
        {
            throw new InvalidDataException($"a reply {piece.ResultCase} to the command {command.CommandCase}");
        }

        if (piece.More && (!row.InPieces || piece.ResultCase == Result.Fault))
        {
            throw new InvalidDataException($"a reply in pieces to the command {command.CommandCase}");
        }

        CheckName(command, piece);
        CheckVerdicts(command, piece);
        if (before is null || piece.ResultCase == Result.Fault)
        {
            return piece;
        }

        before.MergeFrom(piece);
        before.More = piece.More;
        return before;
    }

    private static void CheckName(Command command, Reply reply)
    {
        (string? asked, string? told) = reply.ResultCase switch
        {
            Result.Umem => (command.CreateUmem.Umem.Name, reply.Umem.Name),
            Result.XskSocket => (command.BindXskSocket.XskSocket.Name, reply.XskSocket.Name),
            Result.Link => (command.CreateLink.Link.Name, reply.Link.Name),
            Result.VhostDevice => (command.CreateVhostDevice.VhostDevice.Name, reply.VhostDevice.Name),
            Result.Bridge => (command.CreateBridge.Bridge.Name, reply.Bridge.Name),
            Result.Cpumap => (command.CreateCpumap.Cpumap.Name, reply.Cpumap.Name),
            Result.CpumapProgram => (command.LoadCpumapProgram.Program.Name, reply.CpumapProgram.Name),
            Result.Steering => (command.SetSteering.Steering.Name, reply.Steering.Name),
            _ => (null, null),
        };
        if (asked != told)
        {
            throw new InvalidDataException($"a reply about \"{told}\" to a command about \"{asked}\"");
        }
    }

    private static void CheckVerdicts(Command command, Reply reply)
    {
        if (reply.ResultCase == Result.Verdicts
            && reply.Verdicts.Verdicts.Count != command.TestSteering.Packets.Count)
        {
            throw new InvalidDataException(
                $"{reply.Verdicts.Verdicts.Count} verdicts on {command.TestSteering.Packets.Count} packets");
        }
    }

    private sealed record Row(Result Result, bool InPieces, bool Changes);
}
