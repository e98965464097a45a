namespace Nf.Service.Tests;

public sealed class DesiredStateTests
{
    private readonly DesiredState _state = new(
        new QuotaTable(new Dictionary<string, ulong> { ["team"] = 3 << 20 }, limitDefault: null));

    [Fact]
    public void Add_WithinQuota_IsTakenAndBeyondRefused()
    {
        _state.Add(Umem("a", "team", 2 << 20));

        Assert.Throws<QuotaExceededException>(() => _state.Add(Umem("b", "team", 2 << 20)));
        _state.Add(Umem("c", "team", 1 << 20));
        _state.Add(Umem("d", "others", 1L << 40));
    }

    [Fact]
    public void Add_AfterRemove_HasTheQuotaBack()
    {
        DesiredUmem first = Umem("a", "team", 3 << 20);
        _state.Add(first);
        _state.RemoveUnused(first);

        _state.Add(Umem("b", "team", 3 << 20));

        Assert.Equal(3UL << 20, _state.UsedBytesByOwner()["team"]);
    }

    [Fact]
    public void Add_QuotaDefault_LimitsUnnamedOwners()
    {
        var state = new DesiredState(new QuotaTable(new Dictionary<string, ulong>(), 1 << 20));

        Assert.Throws<QuotaExceededException>(() => state.Add(Umem("a", "x", 2 << 20)));
    }

    [Fact]
    public void Add_SocketWithoutUmem_NamesTheField()
    {
        var error = Assert.Throws<UnknownResourceException>(() => _state.Add(Socket("s")));

        Assert.Contains("spec.umem", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Add_SocketInTwoLinks_NamesTheFirst()
    {
        AddSockets("a", "b", "c");
        _state.Add(DesiredLink.From(Requests.Link("l", ["a"], ["b"])));

        var error = Assert.Throws<ResourceInUseException>(
            () => _state.Add(DesiredLink.From(Requests.Link("m", ["b"], ["c"]))));

        Assert.Equal(("SOCKET_IN_LINK", "l"), (error.Reason, error.Users.Single()));
    }

    [Fact]
    public void RemoveUnused_WhileUsed_NamesEveryUser()
    {
        AddSockets("a", "b");

        var error = Assert.Throws<ResourceInUseException>(
            () => _state.RemoveUnused(_state.FindUmem(ResourceName.Parse("u"))!));

        Assert.Equal(["a", "b"], error.Users);
    }

    [Fact]
    public void Add_TooManyUmems_IsRefused()
    {
        for (int i = 0; i < 64; i++)
        {
            _state.Add(Umem($"u{i}", "x", 1 << 20));
        }

        Assert.Throws<LimitReachedException>(() => _state.Add(Umem("u64", "x", 1 << 20)));
    }

    [Fact]
    public void Add_CheckOnly_ChangesNothing()
    {
        _state.Add(Umem("a", "team", 1 << 20), checkOnly: true);

        Assert.Empty(_state.Umems);
    }

    private static DesiredUmem Umem(string name, string owner, long bytes) => DesiredUmem.From(
        Requests.Umem(name, s => (s.QuotaOwner, s.SizeBytes) = (owner, (ulong)bytes)));

    private static DesiredXskSocket Socket(string name) => DesiredXskSocket.From(Requests.Socket(name));

    private void AddSockets(params string[] names)
    {
        _state.Add(Umem("u", "x", 1 << 20));
        foreach (string name in names)
        {
            _state.Add(Socket(name));
        }
    }
}
