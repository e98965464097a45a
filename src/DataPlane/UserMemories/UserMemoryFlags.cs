namespace Nf.DataPlane.UserMemories;

/// <summary>How user memory is asked for; the numbers of i915_drm.h (I915_USERPTR_…).</summary>
[Flags]
internal enum UserMemoryFlags : uint
{
    None = 0,

    /// <summary>Never written to here.</summary>
    ReadOnly = 0x1,

    /// <summary>Its owner's munmap is not waited for: for privileged peers.</summary>
    Unsynchronized = 0x8000_0000,

    /// <summary>All there are.</summary>
    Known = ReadOnly | Unsynchronized,
}
