using System.Diagnostics;
using System.Text.Json;
using System.Text.Json.Nodes;

namespace Nf.EndToEnd.Tests.Support;

/// <summary>What nf-service answered to a call: a response, or a code with its details.</summary>
internal sealed record Answer(bool Ok, JsonNode Body)
{
    internal JsonNode Response => Ok ? Body["response"]! : throw new InvalidOperationException(Body.ToJsonString());

    internal string Code => Ok ? "OK" : Body["code"]!.GetValue<string>();

    internal string Message => Ok ? "" : Body["message"]!.GetValue<string>();

    internal string Reason => Ok ? "" : Body["reason"]!.GetValue<string>();

    /// <summary>Fields that BadRequest names.</summary>
    internal string[] Fields =>
        Ok ? [] : [.. Body["violations"]!.AsArray().Select(v => v!["field"]!.GetValue<string>())];
}

/// <summary>tests/tools/nf_client.py: Python grpcio with stubs generated from our protos, one call per line.</summary>
internal sealed class ForeignClient : IAsyncDisposable
{
    private readonly Process _process;
    private readonly SemaphoreSlim _turn = new(1);

    private ForeignClient(Process process) => _process = process;

    /// <summary>Starts the client; it connects with its first call.</summary>
    internal static async Task<ForeignClient> StartAsync(string socket, string folder)
    {
        Directory.CreateDirectory(folder);
        Process process = Shell.Start(
            "/usr/bin/python3", Path.Combine(Layout.Tools, "nf_client.py"), $"unix:{socket}", Layout.Protos,
            Layout.Tools, folder);
        string? first = await process.StandardOutput.ReadLineAsync();
        if (first != "ready")
        {
            string error = await process.StandardError.ReadToEndAsync();
            throw new InvalidOperationException($"nf_client.py: {first}\n{error}");
        }

        return new ForeignClient(process);
    }

    /// <summary>Calls a method such as <c>UmemService.CreateUmem</c>.</summary>
    internal async Task<Answer> TryAsync(string method, object? request = null, int timeoutSeconds = 15)
    {
        await _turn.WaitAsync();
        try
        {
            await _process.StandardInput.WriteLineAsync(
                JsonSerializer.Serialize(new { method, request, timeout = timeoutSeconds }));
            await _process.StandardInput.FlushAsync();
            string line = await _process.StandardOutput.ReadLineAsync() ?? throw new InvalidOperationException(
                $"nf_client.py ended: {await _process.StandardError.ReadToEndAsync()}");
            JsonNode body = JsonNode.Parse(line)!;
            return new Answer(body["ok"]!.GetValue<bool>(), body);
        }
        finally
        {
            _turn.Release();
        }
    }

    /// <summary>Calls a method that must succeed.</summary>
    internal async Task<JsonNode> CallAsync(string method, object? request = null, int timeoutSeconds = 15)
    {
        Answer answer = await TryAsync(method, request, timeoutSeconds);
        return answer.Ok
            ? answer.Response
            : throw new InvalidOperationException($"{method}: {answer.Body.ToJsonString()}");
    }

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
        _turn.Dispose();
    }
}
