namespace Nf.Linux;

/// <summary>Who connected, as the kernel noted it at that moment.</summary>
/// <param name="Pid">Process; 0 when it is not visible from this process's pid namespace.</param>
/// <param name="Uid">Effective user.</param>
/// <param name="Gid">Effective group.</param>
public readonly record struct PeerCredentials(int Pid, uint Uid, uint Gid);
