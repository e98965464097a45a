using System.Text.Json;
using Grpc.Core;
using Nf.Ctl.Tests.Commands;
using Nf.Ctl.Tests.Rendering;
using Nf.V1;

namespace Nf.Ctl.Tests.EndToEnd;

/// <summary>Streams: watch and events.</summary>
public sealed class WatchTests : IAsyncLifetime
{
    private FakeService _service = null!;

    public async Task InitializeAsync()
    {
        _service = await FakeService.StartAsync();
        _service.Stats = Samples.StatsAt(0, 0);
    }

    public Task DisposeAsync() => _service.DisposeAsync().AsTask();

    [Fact]
    public async Task Watch_FirstScreen_IsRatesOverOneInterval()
    {
        // A server that answers at once and then every interval: the first answer alone gives no honest rate.
        _service.Watch = (stream, cancel) => SendAsync(
            stream, cancel, Samples.StatsAt(0.001, 1), Samples.StatsAt(1, 1000), Samples.StatsAt(2, 3000));

        CommandLine.Result result = await RunAsync("watch --count 2");

        Assert.Equal(0, result.Code);
        string[] ports = [.. result.Output.Split('\n').Where(l => l.StartsWith("demo-a", StringComparison.Ordinal))];
        Assert.Equal(2, ports.Length);
        Assert.Contains("1.00 k", ports[0], StringComparison.Ordinal);
        Assert.Contains("2.00 k", ports[1], StringComparison.Ordinal);
    }

    [Fact]
    public async Task Watch_Interval_IsAskedFor()
    {
        _service.Watch = (stream, cancel) => SendAsync(stream, cancel, Samples.StatsAt(0.25, 10));

        await RunAsync("watch --count 1 --interval 250ms");

        WatchStatsRequest request = Assert.Single(_service.Requests.OfType<WatchStatsRequest>());
        Assert.Equal(TimeSpan.FromMilliseconds(250), request.Interval.ToTimeSpan());
    }

    [Fact]
    public async Task Watch_StreamBreaks_SaysSoAndGoesOn()
    {
        int streams = 0;
        _service.Watch = async (stream, cancel) =>
        {
            if (Interlocked.Increment(ref streams) == 1)
            {
                await stream.WriteAsync(new WatchStatsResponse { Stats = Samples.StatsAt(1, 1000) }, cancel);
                throw new RpcException(new Status(StatusCode.Unavailable, "generation 4 ended"));
            }

            await SendAsync(stream, cancel, Samples.StatsAt(2, 1500, generation: 5));
        };

        CommandLine.Result result = await RunAsync("watch --count 2");

        Assert.Equal(0, result.Code);
        Assert.Contains("data plane restarting: generation 4 ended\n", result.Output, StringComparison.Ordinal);
        Assert.Contains("generation 5 (the data plane restarted)", result.Output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Watch_ServiceRestarts_ConnectsAgain()
    {
        var broken = new TaskCompletionSource();
        _service.Watch = async (stream, cancel) =>
        {
            await stream.WriteAsync(new WatchStatsResponse { Stats = Samples.StatsAt(1, 1000) }, cancel);
            broken.TrySetResult();
            await Task.Delay(Timeout.Infinite, cancel);
        };
        Task<CommandLine.Result> run = RunAsync("watch --count 2");
        await broken.Task;
        await _service.StopAsync();
        _service.Watch = (stream, cancel) => SendAsync(
            stream, cancel, Samples.StatsAt(2, 2000), Samples.StatsAt(3, 3000));
        await _service.StartAgainAsync();

        CommandLine.Result result = await run;

        Assert.Equal(0, result.Code);
        Assert.Equal(2, result.Output.Split('\n').Count(l => l.StartsWith("demo-a", StringComparison.Ordinal)));
        Assert.DoesNotContain("data plane restarting", result.Output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Watch_InvalidInterval_FailsInsteadOfTryingForEver()
    {
        _service.Watch = (_, _) =>
            throw new RpcException(new Status(StatusCode.InvalidArgument, "interval: below 100 ms"));

        CommandLine.Result result = await RunAsync("watch --interval 1ms");

        Assert.Equal(6, result.Code);
    }

    [Theory]
    [InlineData("watch")]
    [InlineData("watch -o json")]
    [InlineData("events --follow")]
    public async Task Stream_Interrupted_ExitsWithZero(string line)
    {
        var began = new TaskCompletionSource();
        _service.Watch = Began;
        _service.Events = Began;
        using var cancel = new CancellationTokenSource();
        Task<CommandLine.Result> run = RunAsync(line, cancel.Token);
        await began.Task;

        await cancel.CancelAsync();

        CommandLine.Result result = await run;
        Assert.Equal(0, result.Code);
        Assert.Equal("", result.Error);

        Task Began(object stream, CancellationToken broken)
        {
            began.TrySetResult();
            return Task.Delay(Timeout.Infinite, broken);
        }
    }

    [Fact]
    public async Task Watch_OutputJson_IsOneObjectPerLine()
    {
        _service.Watch = (stream, cancel) => SendAsync(stream, cancel, Samples.StatsAt(1, 1), Samples.StatsAt(2, 2));

        CommandLine.Result result = await RunAsync("watch --count 3 -o json");

        string[] lines = result.Output.TrimEnd('\n').Split('\n');
        Assert.Equal(3, lines.Length);
        Assert.All(lines, l => JsonDocument.Parse(l).Dispose());
    }

    [Fact]
    public async Task Events_FollowOverABrokenStream_TellsEachEventOnce()
    {
        DateTimeOffset start = DateTimeOffset.UtcNow.AddMinutes(1);
        using var cancel = new CancellationTokenSource();
        int streams = 0;
        _service.Events = async (stream, broken) =>
        {
            if (Interlocked.Increment(ref streams) == 1)
            {
                _service.Past.Add(At(start, "first"));
                await stream.WriteAsync(new WatchEventsResponse { Event = _service.Past[0] }, broken);
                _service.Past.Add(At(start.AddSeconds(1), "missed"));
                return;
            }

            await stream.WriteAsync(new WatchEventsResponse { Event = At(start.AddSeconds(2), "last") }, broken);
            await Task.Delay(TimeSpan.FromMilliseconds(200), broken);
            await cancel.CancelAsync();
        };

        CommandLine.Result result = await RunAsync("events --follow", cancel.Token);

        Assert.Equal(0, result.Code);
        Assert.Equal(
            ["first", "missed", "last"],
            result.Output.TrimEnd('\n').Split('\n').Select(l => l[(l.LastIndexOf(' ') + 1)..]));
    }

    private static Event At(DateTimeOffset time, string message)
    {
        return new Event
        {
            Time = Google.Protobuf.WellKnownTypes.Timestamp.FromDateTimeOffset(time),
            Kind = EventKind.Fault,
            ResourceType = "umem",
            Message = message,
        };
    }

    private static async Task SendAsync(
        IServerStreamWriter<WatchStatsResponse> stream, CancellationToken cancel, params Stats[] readings)
    {
        foreach (Stats stats in readings)
        {
            await stream.WriteAsync(new WatchStatsResponse { Stats = stats }, cancel);
        }

        await Task.Delay(Timeout.Infinite, cancel);
    }

    private Task<CommandLine.Result> RunAsync(string line, CancellationToken cancel = default)
    {
        return CommandLine.RunAsync($"{line} --run {_service.RunFolder}", cancel);
    }
}
