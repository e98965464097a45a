using Xunit.Abstractions;

namespace Nf.EndToEnd.Tests.Support;

/// <summary>
/// A running node and three namespaces: left and right, where foreign programs live, and middle, where the near ends
/// of their veths are, which the data plane binds to. left0 ─ near0 [data plane] near1 ─ right0.
/// </summary>
public abstract class EndToEndTest(ITestOutputHelper output) : IAsyncLifetime
{
    internal const string LeftAddress = "198.18.7.1";
    internal const string RightAddress = "198.18.7.2";

    internal Node Node { get; private set; } = null!;

    internal ForeignClient Client => Node.Client;

    internal NetSpace Left { get; private set; } = null!;

    internal NetSpace Middle { get; private set; } = null!;

    internal NetSpace Right { get; private set; } = null!;

    /// <summary>What starts the data plane: <see cref="Node.Realtime"/>, or fewer rights; nothing as a rule.</summary>
    protected virtual string[] Wrapper => [];

    /// <summary>Whether the keeper and its lives run in the middle namespace, and bind without naming it.</summary>
    protected virtual bool InMiddle => false;

    /// <summary>The broker's policy; null for none.</summary>
    protected virtual string? BrokerPolicy => null;

    public async Task InitializeAsync()
    {
        try
        {
            await SetUpAsync();
        }
        catch
        {
            // The runner does not dispose of what did not come up.
            await DisposeAsync();
            throw;
        }
    }

    public async Task DisposeAsync()
    {
        if (Node is not null)
        {
            await Node.DisposeAsync();
            output.WriteLine(Node.Logs);
        }

        foreach (NetSpace? space in new[] { Left, Middle, Right })
        {
            if (space is not null)
            {
                await space.DisposeAsync();
            }
        }
    }

    /// <summary>Binds s0 to near0 and s1 to near1 and links them; on one UMEM or on two.</summary>
    internal async Task ConnectAsync(bool twoUmems = false)
    {
        await Node.UmemAsync("u0");
        if (twoUmems)
        {
            await Node.UmemAsync("u1");
        }

        NetSpace? space = InMiddle ? null : Middle;
        await Node.SocketAsync("s0", "u0", space, "near0");
        await Node.SocketAsync("s1", twoUmems ? "u1" : "u0", space, "near1");
        await Node.LinkAsync("l0", "s0", "s1");
    }

    /// <summary>Waits until a ping goes through: from here on the path carries traffic.</summary>
    internal Task PingableAsync()
    {
        return Eventually.TrueAsync("a ping through the link", async () =>
        {
            ShellResult ping = await Shell.TryAsync(Left.Inside("ping", "-n", "-c", "1", "-W", "1", RightAddress));
            return ping.ExitCode == 0;
        });
    }

    private async Task SetUpAsync()
    {
        Left = await NetSpace.CreateAsync("left");
        Middle = await NetSpace.CreateAsync("middle");
        Right = await NetSpace.CreateAsync("right");
        await Middle.PairAsync("near0", Left, "left0");
        await Middle.PairAsync("near1", Right, "right0");
        await Left.IpAsync("addr", "add", $"{LeftAddress}/24", "dev", "left0");
        await Right.IpAsync("addr", "add", $"{RightAddress}/24", "dev", "right0");
        Node = await Node.StartAsync(InMiddle ? Middle : null, BrokerPolicy, Wrapper);
    }
}
