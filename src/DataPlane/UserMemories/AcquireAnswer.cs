using Nf.Linux;

namespace Nf.DataPlane.UserMemories;

/// <summary>What became of an attempt to hold the pages.</summary>
/// <param name="Errno">None: they are held. EAGAIN: being fetched. Anything else: why not, until
/// <see cref="UserMemory.Release"/>.</param>
internal readonly record struct AcquireAnswer(Errno Errno)
{
    /// <summary>The pages are held.</summary>
    internal bool IsActive => Errno == Errno.None;

    /// <summary>They are being fetched, or may not be at this moment: ask again.</summary>
    internal bool IsAgain => Errno == Errno.EAGAIN;
}
