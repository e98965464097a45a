using Nf.V1;

namespace Nf.Ctl.Rendering;

/// <summary>Tables of leases and tokens.</summary>
internal static class LeaseTables
{
    internal static IReadOnlyList<Grid> List(IEnumerable<Lease> leases)
    {
        var grid = new Grid("ID", "STATE", "INTERFACE", "QUEUE", "MODE", "UID", "PID", "MEMORY", "TOKEN")
        {
            WhenEmpty = "no leases",
        };
        foreach (Lease lease in leases)
        {
            grid.Add(
                $"{lease.Id}",
                StateOf(lease),
                lease.Interface,
                $"{lease.Queue}",
                lease.Mode == XskMode.ZeroCopy ? "zero-copy" : "copy",
                $"{lease.Uid}",
                $"{lease.Pid}",
                $"{lease.Memory.ToString().ToLowerInvariant()} {lease.MemoryBytes}",
                lease.TokenName.Length == 0 ? "-" : lease.TokenName);
        }

        return [grid];
    }

    /// <summary>A token: told once.</summary>
    internal static IReadOnlyList<Grid> Token(XskSocket socket, LeaseToken token) =>
    [
        Grid.Fields()
            .Add("Name", socket.Name)
            .Add("Token", Convert.ToHexString(token.Token.Span))
            .Add("Expires", token.ExpireTime.ToDateTime().ToString("yyyy-MM-dd HH:mm:ss'Z'"))
            .Add("Broker", token.BrokerSocket),
    ];

    private static Cell StateOf(Lease lease) => lease.State switch
    {
        LeaseState.Bound when lease.Held => new Cell("bound", Tone.Good),
        LeaseState.Bound => new Cell("kept", Tone.Dim),
        LeaseState.DeviceDown => new Cell("device down", Tone.Warning),
        LeaseState.DeviceLost => new Cell("device lost", Tone.Bad),
        _ => new Cell("registering", Tone.Dim),
    };
}
