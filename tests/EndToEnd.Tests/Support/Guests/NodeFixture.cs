namespace Nf.EndToEnd.Tests.Support.Guests;

/// <summary>A node that the tests of a class share, with a folder for their sockets and files.</summary>
public sealed class NodeFixture : IAsyncLifetime
{
    internal Node Node { get; private set; } = null!;

    /// <summary>Where sockets and files of the tests are.</summary>
    internal string Folder { get; private set; } = "";

    public async Task InitializeAsync()
    {
        Folder = Directory.CreateTempSubdirectory("nf-e2e-vhost-").FullName;
        Node = await Node.StartAsync();
    }

    public async Task DisposeAsync()
    {
        await Node.DisposeAsync();
        Directory.Delete(Folder, recursive: true);
    }

    internal string File(string name) => Path.Combine(Folder, name);
}
