using System.Diagnostics;
using System.Text;
using Nf.Ctl.Tests.Rendering;
using Nf.V1;

namespace Nf.Ctl.Tests.EndToEnd;

/// <summary>nfctl as a process: pipes, terminals, signals, shells.</summary>
public sealed class ProcessTests : IAsyncLifetime
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(60);

    // The program in its own folder: beside the tests it would lack what they take from the web framework.
    private static readonly string ProgramFolder = Path.GetFullPath(Path.Combine(
        AppContext.BaseDirectory, "..", "..", "Nfctl", new DirectoryInfo(AppContext.BaseDirectory).Name));

    private FakeService _service = null!;

    public async Task InitializeAsync()
    {
        _service = await FakeService.StartAsync();
        _service.Umems.Add(Samples.Umem);
        _service.VhostDevices.Add(VhostSamples.Broken);
        _service.Stats = Samples.StatsAt(0, 0);
    }

    public Task DisposeAsync() => _service.DisposeAsync().AsTask();

    [Fact]
    public async Task Stream_ReaderLeaves_Ends()
    {
        _service.Events = async (stream, cancel) =>
        {
            while (true)
            {
                await stream.WriteAsync(new WatchEventsResponse { Event = Samples.Event }, cancel);
                await Task.Delay(10, cancel);
            }
        };

        (int code, string output) = await BashAsync("set -o pipefail; nfctl events --follow | head -n 1");

        Assert.Equal(0, code);
        Assert.Contains("went down", output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Watch_OnATerminal_RedrawsInPlaceAndCtrlCLeavesItClean()
    {
        _service.Watch = async (stream, cancel) =>
        {
            for (int second = 1; ; second++)
            {
                await stream.WriteAsync(
                    new WatchStatsResponse { Stats = Samples.StatsAt(second, (ulong)second * 1000) }, cancel);
                await Task.Delay(20, cancel);
            }
        };
        using Process process = Start("script", "-qec", "stty cols 160 rows 40; exec nfctl watch", "/dev/null");
        var seen = new StringBuilder();
        char[] buffer = new char[4096];
        bool interrupted = false;
        using var patience = new CancellationTokenSource(Patience);
        while (true)
        {
            int length = await process.StandardOutput.ReadAsync(buffer, patience.Token);
            if (length == 0)
            {
                break;
            }

            seen.Append(buffer, 0, length);

            // Two redraws at least: then Ctrl-C, as the terminal's own line discipline sends it.
            if (!interrupted && seen.ToString().Split("demo-a").Length > 3)
            {
                interrupted = true;
                await process.StandardInput.WriteAsync('\x03');
                await process.StandardInput.FlushAsync(patience.Token);
            }
        }

        await process.WaitForExitAsync(patience.Token);
        string text = seen.ToString();
        Assert.Equal(0, process.ExitCode);
        Assert.Contains("\e[?25l", text, StringComparison.Ordinal); // hides the cursor …
        Assert.True(
            text.LastIndexOf("\e[?25h", StringComparison.Ordinal) >
            text.LastIndexOf("\e[?25l", StringComparison.Ordinal),
            "the cursor stays hidden"); // … and shows it again
        Assert.Matches("\e\\[[0-9]+A", text); // moves up over the last screen
    }

    [Fact]
    public async Task List_OnATerminal_HonoursNoColor()
    {
        (_, string colored) = await BashAsync("script -qec 'nfctl umem list' /dev/null");
        (_, string plain) = await BashAsync("NO_COLOR=1 script -qec 'nfctl umem list' /dev/null");

        Assert.Contains("\e[32mready", colored, StringComparison.Ordinal);
        Assert.DoesNotContain("\e[32m", plain, StringComparison.Ordinal);
        Assert.Contains("ready", plain, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("nfctl umem g", "get")]
    [InlineData("nfctl umem get ", "demo")]
    [InlineData("nfctl xsk bind s --mode z", "zero-copy")]
    [InlineData("nfctl link create l --a vh", "vhost:vm1")]
    [InlineData("nfctl link create l --a vhost:v", "vm1")]
    public async Task BashCompletion_Line_Completes(string line, string expected)
    {
        string script = $$"""
            source <(nfctl completion bash)
            COMP_WORDBREAKS=$' \t\n"\'><=;|&(:'
            COMP_LINE='{{line}}' COMP_POINT={{line.Length}}
            COMP_WORDS=({{line}})
            _nfctl
            printf '%s\n' "${COMPREPLY[@]}"
            """;

        (int code, string output) = await BashAsync(script);

        Assert.Equal(0, code);
        Assert.Equal(expected, output.TrimEnd('\n'));
    }

    private async Task<(int Code, string Output)> BashAsync(string script)
    {
        using Process process = Start("bash", "-c", script);
        using var patience = new CancellationTokenSource(Patience);
        string output = await process.StandardOutput.ReadToEndAsync(patience.Token);
        await process.WaitForExitAsync(patience.Token);
        return (process.ExitCode, output);
    }

    private Process Start(string program, params string[] arguments)
    {
        var start = new ProcessStartInfo(program, arguments)
        {
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
        };
        start.Environment["PATH"] = $"{ProgramFolder}:{Environment.GetEnvironmentVariable("PATH")}";
        start.Environment["NF_RUN"] = _service.RunFolder;
        start.Environment["TERM"] = "xterm-256color";
        start.Environment.Remove("NO_COLOR");
        return Process.Start(start) ?? throw new InvalidOperationException($"{program} did not start");
    }
}
