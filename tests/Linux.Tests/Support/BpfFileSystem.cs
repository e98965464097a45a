namespace Nf.Linux.Tests.Support;

/// <summary>A bpf file system of one test: not every machine has one mounted.</summary>
public sealed class BpfFileSystem : IDisposable
{
    private readonly TempDirectory _directory = new();
    private readonly string _mount;

    public BpfFileSystem()
    {
        _mount = _directory.File("bpf");
        Directory.CreateDirectory(_mount);
        Command.Run("mount", "-t", "bpf", "nf-test", _mount);
    }

    public string File(string name) => Path.Combine(_mount, name);

    public void Dispose()
    {
        Command.Run("umount", _mount);
        _directory.Dispose();
    }
}
