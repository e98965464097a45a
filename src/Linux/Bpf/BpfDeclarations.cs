namespace Nf.Linux;

/// <summary>A program of an object file that is not loaded yet.</summary>
/// <param name="Name">The function's name.</param>
/// <param name="Section">The section it is in.</param>
/// <param name="Type">BPF_PROG_TYPE_… of <see cref="LinuxBpf"/>.</param>
/// <param name="AttachType">The attach type it is to be loaded for.</param>
/// <param name="Frags">Whether it takes frames of several buffers.</param>
public sealed record BpfProgramDeclaration(string Name, string Section, uint Type, uint AttachType, bool Frags);

/// <summary>A map of an object file that is not made yet.</summary>
/// <param name="Name">Its name.</param>
/// <param name="Type">BPF_MAP_TYPE_… of <see cref="LinuxBpf"/>.</param>
/// <param name="KeySizeBytes">Bytes of a key.</param>
/// <param name="ValueSizeBytes">Bytes of a value.</param>
/// <param name="MaxEntries">How many entries fit.</param>
public sealed record BpfMapDeclaration(
    string Name, uint Type, uint KeySizeBytes, uint ValueSizeBytes, uint MaxEntries);
