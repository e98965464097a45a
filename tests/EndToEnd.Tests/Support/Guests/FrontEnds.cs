using System.Diagnostics;
using System.Text.Json;
using System.Text.Json.Nodes;

namespace Nf.EndToEnd.Tests.Support.Guests;

/// <summary>
/// tests/tools/front_end.py: front-ends whose guest does as it is told. They connect again by themselves, and keep what
/// they know of their rings.
/// </summary>
internal sealed class FrontEnds : IAsyncDisposable
{
    private readonly Process _process;

    private FrontEnds(Process process) => _process = process;

    /// <summary>Starts the program, without any front-end.</summary>
    internal static async Task<FrontEnds> StartAsync()
    {
        var fronts = new FrontEnds(Shell.Start("/usr/bin/python3", Path.Combine(Layout.Tools, "front_end.py")));
        string? first = await fronts._process.StandardOutput.ReadLineAsync();
        return first == "ready" ? fronts : throw await fronts.EndedAsync();
    }

    /// <summary>Connects a front-end; its rings run then.</summary>
    internal Task OpenAsync(string name, string path, bool inflight = false) =>
        TellAsync(new { @do = "open", name, path, inflight });

    /// <summary>Has it send so many more frames, as fast as its ring takes them.</summary>
    internal Task SendAsync(string name, int count) => TellAsync(new { @do = "send", name, count });

    /// <summary>What it sent and received so far.</summary>
    internal async Task<FrontEndTally> TallyAsync(string name)
    {
        JsonNode body = await TellAsync(new { @do = "tally", name });
        long Number(string key) => body[key]!.GetValue<long>();
        return new FrontEndTally(Number("sent"), Number("given_back"), Number("received"), Number("unique"),
            Number("duplicated"), Number("reordered"), Number("corrupted"), Number("connections"));
    }

    /// <summary>Waits until it has received so many different frames.</summary>
    internal async Task<FrontEndTally> ReceivedAsync(string name, long count)
    {
        FrontEndTally? last = null;
        try
        {
            return await Eventually.GetAsync($"{name} has received {count} frames", async () =>
            {
                last = await TallyAsync(name);
                return last.Unique >= count ? last : null;
            });
        }
        catch (TimeoutException e)
        {
            throw new TimeoutException($"{e.Message}: {last}", e);
        }
    }

    /// <summary>Puts frames into its ring, some as if the back-end, which stands still, had them in hand.</summary>
    internal Task InHandAsync(string name, int taken, int more) =>
        TellAsync(new { @do = "in_hand", name, taken, more });

    /// <summary>Sends the first bytes of a message, and waits until they were read.</summary>
    internal Task HalfMessageAsync(string name) => TellAsync(new { @do = "half", name });

    /// <summary>Connects, and says only half of its message <paramref name="at"/>; false when it has fewer, and is
    /// connected then.</summary>
    internal async Task<bool> CutAsync(string name, string path, int at) =>
        (await TellAsync(new { @do = "cut", name, path, at }))["cut"]!.GetValue<bool>();

    /// <summary>Gives another memory table and other call descriptors while the rings run.</summary>
    internal Task DisturbAsync(string name) => TellAsync(new { @do = "disturb", name });

    /// <summary>Has it leave.</summary>
    internal Task CloseAsync(string name) => TellAsync(new { @do = "close", name });

    /// <summary>Has its driver lie, in one of the ways that the program knows.</summary>
    internal Task LieAsync(string name, string how) => TellAsync(new { @do = "lie", name, how });

    /// <summary>Takes its memory away under the rings that run on it.</summary>
    internal Task ShrinkAsync(string name) => TellAsync(new { @do = "shrink", name });

    public async ValueTask DisposeAsync()
    {
        _process.StandardInput.Close();
        using var grace = new CancellationTokenSource(TimeSpan.FromSeconds(5));
        try
        {
            await _process.WaitForExitAsync(grace.Token);
        }
        catch (OperationCanceledException)
        {
            _process.Kill();
        }

        _process.Dispose();
    }

    private async Task<JsonNode> TellAsync(object command)
    {
        string text = JsonSerializer.Serialize(command);
        await _process.StandardInput.WriteLineAsync(text);
        await _process.StandardInput.FlushAsync();
        string line = await _process.StandardOutput.ReadLineAsync() ?? throw await EndedAsync();
        JsonNode body = JsonNode.Parse(line)!;
        return body["ok"]!.GetValue<bool>() ? body : throw new InvalidOperationException($"{text}: {line}");
    }

    private async Task<Exception> EndedAsync() =>
        new InvalidOperationException($"front_end.py ended: {await _process.StandardError.ReadToEndAsync()}");
}

/// <summary>What a front-end of front_end.py sent and received.</summary>
/// <param name="Sent">Frames put into the ring.</param>
/// <param name="GivenBack">Those whose buffer came back.</param>
/// <param name="Received">Frames that came, twice or not.</param>
/// <param name="Unique">Different ones.</param>
/// <param name="Duplicated">Those that had come before.</param>
/// <param name="Reordered">Those that came after a later one.</param>
/// <param name="Corrupted">Those with a wrong byte.</param>
/// <param name="Connections">How often it connected.</param>
internal sealed record FrontEndTally(
    long Sent, long GivenBack, long Received, long Unique, long Duplicated, long Reordered, long Corrupted,
    long Connections);
