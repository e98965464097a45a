using Nf.Linux;

namespace Nf.DataPlane.Control;

/// <summary>What a refusal of the kernel on the way to a listening socket means.</summary>
internal static class VhostFaultWords
{
    internal static CommandFaultException OfListen(string path, LinuxException refusal)
    {
        string reason = refusal.Errno switch
        {
            Errno.EADDRINUSE => "SOCKET_PATH_TAKEN",
            Errno.ENOENT or Errno.ENOTDIR or Errno.EROFS or Errno.ENAMETOOLONG or Errno.ELOOP => "SOCKET_PATH_INVALID",
            Errno.EACCES or Errno.EPERM => "SOCKET_PATH_DENIED",
            _ => "SOCKET_FAILED",
        };
        string what = refusal.Errno switch
        {
            Errno.EADDRINUSE => "somebody listens there, or it is a file of another kind",
            Errno.ENOENT => "its directory does not exist where the data plane runs",
            _ => "no socket can be made there",
        };
        return CommandFaultException.From(reason, $"socket_path {path}: {what}", refusal);
    }
}
