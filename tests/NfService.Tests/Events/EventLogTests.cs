using Nf.V1;

namespace Nf.Service.Tests;

public sealed class EventLogTests
{
    private readonly EventLog _log = new(TimeProvider.System);

    [Fact]
    public async Task Read_FromNow_SkipsThePast()
    {
        Publish("past");
        IAsyncEnumerator<Event> watcher = Watch(0, includePast: false);

        Publish("new");

        Assert.Equal("new", await NextAsync(watcher));
    }

    [Fact]
    public async Task Read_IncludingPast_BeginsWithTheOldest()
    {
        Publish("a", "b");

        IAsyncEnumerator<Event> watcher = Watch(0, includePast: true);

        Assert.Equal(["a", "b"], [await NextAsync(watcher), await NextAsync(watcher)]);
    }

    [Fact]
    public async Task Read_AfterANumber_GoesOnBehindIt()
    {
        Publish("a", "b", "c");

        Assert.Equal("c", await NextAsync(Watch(2, includePast: false)));
    }

    [Fact]
    public async Task Read_Overrun_TellsHowManyAreLostAndGoesOn()
    {
        Publish("first");
        IAsyncEnumerator<Event> watcher = Watch(0, includePast: true);
        Assert.Equal("first", await NextAsync(watcher));
        Publish([.. Enumerable.Range(0, EventLog.KeptMax + 10).Select(i => $"e{i}")]);

        Assert.True(await watcher.MoveNextAsync().AsTask().InTimeAsync());
        Assert.Equal(EventKind.EventsLost, watcher.Current.Kind);
        Assert.StartsWith("10 events", watcher.Current.Message, StringComparison.Ordinal);
        Assert.Equal("e10", await NextAsync(watcher));
        Assert.Equal("e11", await NextAsync(watcher));
    }

    [Fact]
    public async Task Read_NumberOfAnEarlierLife_TellsThatEventsAreLost()
    {
        Publish("a");
        IAsyncEnumerator<Event> watcher = Watch(5000, includePast: false);

        Assert.True(await watcher.MoveNextAsync().AsTask().InTimeAsync());
        Assert.Equal(EventKind.EventsLost, watcher.Current.Kind);
        Assert.Equal("a", await NextAsync(watcher));
    }

    [Fact]
    public async Task Read_OfSomeTypes_StillTellsOfLostEvents()
    {
        Publish([.. Enumerable.Range(0, EventLog.KeptMax + 1).Select(i => $"e{i}")]);
        var watch = new EventWatch(1, IncludePast: false, new HashSet<string> { "link" });
        await using IAsyncEnumerator<Event> watcher =
            watch.ReadAsync(_log, CancellationToken.None).GetAsyncEnumerator();
        Publish("last");
        _log.Publish(EventKind.Created, "link", "l", "", 0);

        Assert.True(await watcher.MoveNextAsync().AsTask().InTimeAsync());
        Assert.Equal(EventKind.EventsLost, watcher.Current.Kind);
        Assert.Equal("l", await NextAsync(watcher));
    }

    // As node.proto lists them.
    [Theory]
    [InlineData("umem")]
    [InlineData("xsk_socket")]
    [InlineData("vhost_device")]
    [InlineData("link")]
    [InlineData("bridge")]
    [InlineData("cpumap")]
    [InlineData("cpumap_program")]
    [InlineData("steering")]
    [InlineData("interface")]
    [InlineData("data_plane")]
    public void From_EveryTypeOfTheContract_CanBeWatched(string type) => Assert.Equal(
        [type], EventWatch.From(new WatchEventsRequest { ResourceTypes = { type } }).ResourceTypes);

    [Fact]
    public void From_UnknownType_IsRefused() => Assert.Throws<InvalidSpecException>(
        () => EventWatch.From(new WatchEventsRequest { ResourceTypes = { "umem", "port" } }));

    private static async Task<string> NextAsync(IAsyncEnumerator<Event> watcher)
    {
        Assert.True(await watcher.MoveNextAsync().AsTask().InTimeAsync());
        return watcher.Current.ResourceName;
    }

    private void Publish(params string[] names)
    {
        foreach (string name in names)
        {
            _log.Publish(EventKind.Created, "umem", name, "", 0);
        }
    }

    private IAsyncEnumerator<Event> Watch(ulong after, bool includePast) =>
        new EventWatch(after, includePast, new HashSet<string>())
            .ReadAsync(_log, CancellationToken.None).GetAsyncEnumerator();
}
