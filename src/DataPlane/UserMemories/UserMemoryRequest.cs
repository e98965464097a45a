namespace Nf.DataPlane.UserMemories;

/// <summary>What a client asks to be made an object, unchecked.</summary>
/// <param name="Address">In the client's address space.</param>
/// <param name="Size">Bytes.</param>
/// <param name="Flags">How.</param>
/// <param name="FileOffset">Where the memory begins in its file; ignored without a file.</param>
internal readonly record struct UserMemoryRequest(
    ulong Address, ulong Size, UserMemoryFlags Flags, ulong FileOffset = 0);
