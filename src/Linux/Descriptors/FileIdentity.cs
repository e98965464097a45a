namespace Nf.Linux;

/// <summary>Which file a descriptor is of, regardless of how it was opened.</summary>
/// <param name="Device">Major number in the upper, minor in the lower 32 bits.</param>
/// <param name="Inode">Inode number on that device.</param>
public readonly record struct FileIdentity(ulong Device, ulong Inode);
