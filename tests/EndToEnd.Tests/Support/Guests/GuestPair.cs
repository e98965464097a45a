using System.Globalization;

namespace Nf.EndToEnd.Tests.Support.Guests;

/// <summary>
/// A node with two guests on vhost-user devices and one socket on a veth, shared by the tests of several classes:
/// booting takes longer than most of them. A is QEMU of this Debian with split rings, B the one of the backports with
/// packed rings; near0 [data plane] has its peer left0 in a namespace of its own.
/// </summary>
public sealed class GuestPair : IAsyncLifetime
{
    /// <summary>The collection of test classes that share one pair.</summary>
    internal const string Shared = "two guests";

    internal const string AddressA = "198.18.8.1", AddressB = "198.18.8.2", AddressLeft = "198.18.8.3";
    internal const string AddressC = "198.18.8.4";
    internal const string DeviceA = "vm-a", DeviceB = "vm-b", DeviceC = "vm-c", Socket = "s0";

    private string _folder = "";
    private Func<Task> _undo = () => Task.CompletedTask;

    internal Node Node { get; private set; } = null!;

    internal NetSpace Left { get; private set; } = null!;

    internal NetSpace Middle { get; private set; } = null!;

    internal Guest A { get; private set; } = null!;

    internal Guest B { get; private set; } = null!;

    /// <summary>Everything that explains a failure.</summary>
    internal string Logs => string.Join("\n", new[] { Node?.Logs, A?.Log, B?.Log }.OfType<string>());

    public async Task InitializeAsync()
    {
        try
        {
            await SetUpAsync();
        }
        catch (Exception e)
        {
            string logs = Logs;
            await DisposeAsync();
            throw new InvalidOperationException($"{e.Message}\n{logs}", e);
        }
    }

    public async Task DisposeAsync()
    {
        foreach (IAsyncDisposable? part in new IAsyncDisposable?[] { A, B, Node, Left, Middle })
        {
            if (part is not null)
            {
                await part.DisposeAsync();
            }
        }

        Directory.Delete(_folder, recursive: true);
    }

    /// <summary>One link, and nothing else.</summary>
    internal async Task LinkAsync(object a, object b)
    {
        await ClearAsync();
        await Node.LinkAsync("l0", a, b);
        _undo = () => Node.DeleteLinkAsync("l0");
    }

    /// <summary>One bridge of both guests and the socket, and nothing else.</summary>
    internal async Task BridgeAsync()
    {
        await ClearAsync();
        await Node.BridgeAsync("br0", VhostNode.Device(DeviceA), VhostNode.Device(DeviceB), VhostNode.Socket(Socket));
        _undo = () => Node.DeleteBridgeAsync("br0");
    }

    /// <summary>Ends guest B as a crash of QEMU would, and boots another in its place.</summary>
    internal async Task ReplaceBAsync()
    {
        await B.KillAsync();
        await Node.VhostStateAsync(DeviceB, "LISTENING");
        await B.DisposeAsync();
        B = await Guest.BootAsync(B.Spec, _folder);
    }

    /// <summary>One more guest, linked to the socket. With two queue pairs its QEMU listens, and we connect.</summary>
    internal async Task<Guest> OneMoreAsync(int pairs = 1, string properties = "")
    {
        await ClearAsync();
        await Node.VhostAsync(DeviceC, Path("c"), pairs, client: pairs > 1);
        _undo = () => Node.DeleteVhostAsync(DeviceC);
        await Node.LinkAsync("l0", VhostNode.Device(DeviceC), VhostNode.Socket(Socket));
        return await Guest.BootAsync(new GuestSpec("c", AddressC, Path("c"))
        {
            NewerQemu = true,
            QueuePairs = pairs,
            Listens = pairs > 1,
            Properties = properties,
        }, _folder);
    }

    /// <summary>Runs a command in the namespace behind the veth.</summary>
    internal Task<string> LeftAsync(params string[] command) => Shell.RunAsync(Left.Inside(command));

    private async Task ClearAsync()
    {
        await _undo();
        _undo = () => Task.CompletedTask;
    }

    private async Task SetUpAsync()
    {
        _folder = Directory.CreateTempSubdirectory("nf-e2e-vm-").FullName;
        Left = await NetSpace.CreateAsync("vleft");
        Middle = await NetSpace.CreateAsync("vmiddle");
        await Middle.PairAsync("near0", Left, "left0");
        await Left.IpAsync("addr", "add", $"{AddressLeft}/24", "dev", "left0");
        Node = await Node.StartAsync();
        await Node.UmemAsync("u0");
        await Node.SocketAsync(Socket, "u0", Middle, "near0");
        await Node.VhostAsync(DeviceA, Path("a"));
        await Node.VhostAsync(DeviceB, Path("b"));
        Task<Guest> a = Guest.BootAsync(new GuestSpec("a", AddressA, Path("a")) { Reconnects = true }, _folder);
        Task<Guest> b = Guest.BootAsync(
            new GuestSpec("b", AddressB, Path("b")) { NewerQemu = true, Packed = true, Reconnects = true }, _folder);
        try
        {
            await Task.WhenAll(a, b);
        }
        finally
        {
            A = a.IsCompletedSuccessfully ? await a : null!;
            B = b.IsCompletedSuccessfully ? await b : null!;
        }
    }

    private string Path(string name) =>
        System.IO.Path.Combine(_folder, string.Create(CultureInfo.InvariantCulture, $"{name}.sock"));
}

/// <summary>Boots the pair once for all classes of the collection.</summary>
[CollectionDefinition(GuestPair.Shared)]
public sealed class GuestPairCollection : ICollectionFixture<GuestPair>;
