using Nf.DataPlane.Vhost.Memory;
using Nf.Linux;

namespace Nf.DataPlane.Vhost.Session;

/// <summary>The dirty log of a connection, and how it was described.</summary>
/// <param name="Log">Mapped.</param>
/// <param name="File">Its file, for the next life.</param>
/// <param name="SizeBytes">Its size.</param>
/// <param name="Offset">Where it begins in the file.</param>
internal sealed record LogShare(DirtyLog Log, FileDescriptor File, ulong SizeBytes, ulong Offset) : IDisposable
{
    public void Dispose()
    {
        Log.Dispose();
        File.Dispose();
    }
}
