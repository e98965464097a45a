using Nf.Linux;

namespace Nf.DataPlane.UserMemories;

/// <summary>Who is at the other end of a connection.</summary>
/// <param name="Pid">Its process number as SO_PEERCRED has it.</param>
/// <param name="IsPrivileged">Whether it may have memory that is not tracked (the seed asks for CAP_SYS_ADMIN).</param>
/// <param name="Process">By SO_PEERPIDFD; null before Linux 6.5. Stays the connection's, which outlives its table.
/// </param>
internal sealed record UserMemoryPeer(int Pid, bool IsPrivileged, PidFd? Process);
