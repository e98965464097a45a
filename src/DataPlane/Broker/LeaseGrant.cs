using Nf.Linux;

namespace Nf.DataPlane.Broker;

/// <summary>What a token lends to whoever shows it: one lease.</summary>
/// <param name="Name">Of the socket that was asked for at the control plane.</param>
/// <param name="Interface">Name of the interface; empty when by index.</param>
/// <param name="Ifindex">Its index; 0 when by name.</param>
/// <param name="Network">Its network namespace.</param>
/// <param name="Queue">The queue.</param>
/// <param name="MemoryBytesMax">Most bytes of packet memory.</param>
/// <param name="KeepSecondsMax">Longest time that the lease may be kept.</param>
internal sealed record LeaseGrant(
    string Name, string Interface, int Ifindex, FileIdentity Network, uint Queue, ulong MemoryBytesMax,
    uint KeepSecondsMax)
{
    /// <summary>Whether the lease was made: a token is good for one.</summary>
    internal bool IsUsed { get; set; }

    /// <summary>Refuses a lease that is not the one.</summary>
    /// <exception cref="CommandFaultException">TOKEN_REFUSED (EACCES).</exception>
    internal void Require(in PolicyQuestion asked, FileIdentity network, int ifindex)
    {
        bool device = Interface.Length != 0 ? asked.Interface == Interface : ifindex == Ifindex;
        string why = IsUsed ? "it has been used for its one lease"
            : !device || network != Network ? "it is for another interface"
            : asked.Queue != Queue ? $"queue {asked.Queue}: it is for queue {Queue}"
            : asked.MemoryBytes > MemoryBytesMax ? $"memory_bytes {asked.MemoryBytes}: at most {MemoryBytesMax}"
            : asked.KeepSeconds > KeepSecondsMax ? $"keep_seconds {asked.KeepSeconds}: at most {KeepSecondsMax}"
            : "";
        if (why.Length != 0)
        {
            throw new CommandFaultException("TOKEN_REFUSED", $"token: {why}", Errno.EACCES);
        }
    }
}
