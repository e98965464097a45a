using System.Globalization;
using System.Text.RegularExpressions;

namespace Nf.EndToEnd.Tests.Support.Guests;

/// <summary>dpdk-testpmd, told what to do on its command line; one forwarding core.</summary>
internal sealed partial class Testpmd : IAsyncDisposable
{
    private const string Prompt = "testpmd>";
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(60);
    private static int _last;

    private readonly ConsoleProgram _program;

    private Testpmd(ConsoleProgram program) => _program = program;

    internal int Pid => _program.Pid;

    internal string Log => _program.Text;

    /// <summary>Starts it with virtual devices and waits for its prompt.</summary>
    /// <param name="pages">Its memory; null for ordinary pages.</param>
    /// <param name="devices">What --vdev names.</param>
    /// <param name="options">Of testpmd itself.</param>
    internal static async Task<Testpmd> StartAsync(
        HugePageMount? pages, IEnumerable<string> devices, params string[] options)
    {
        string[] memory = pages is null ? ["--no-huge"] : ["--huge-dir", pages.Folder, "--single-file-segments"];
        string prefix = string.Create(
            CultureInfo.InvariantCulture, $"nf-e2e-{Environment.ProcessId}-{Interlocked.Increment(ref _last)}");
        var program = ConsoleProgram.Start("testpmd", [
            "stdbuf", "-oL", "dpdk-testpmd", "--no-pci", "--no-telemetry", .. memory, "-m", "256",
            "--file-prefix", prefix, "--lcores", "0@0,1@1", .. devices.SelectMany(d => new[] { "--vdev", d }), "--",
            "-i", "--nb-cores=1", "--total-num-mbufs=32768", "--no-flush-rx", .. options]);
        var testpmd = new Testpmd(program);
        try
        {
            await program.SaysAsync(Prompt, 0, Patience);
            return testpmd;
        }
        catch
        {
            await testpmd.DisposeAsync();
            throw;
        }
    }

    /// <summary>Types a line and returns what it answered.</summary>
    internal async Task<string> TellAsync(string line)
    {
        int mark = _program.Text.Length;
        await _program.TypeAsync(line);
        // The prompt comes without an end of line, so that only the next one shows that this one is over.
        await _program.TypeAsync("show fwd_end");
        await _program.SaysAsync("Bad arguments", mark, Patience);
        return _program.Text[mark..];
    }

    /// <summary>Packets and bytes that a port has received and sent.</summary>
    internal async Task<PortCount> PortAsync(int port)
    {
        string text = await TellAsync(string.Create(CultureInfo.InvariantCulture, $"show port stats {port}"));
        ulong Number(string name) => ulong.Parse(
            Regex.Match(text, $@"{name}:\s+(\d+)").Groups[1].Value, CultureInfo.InvariantCulture);
        return new PortCount(
            Number("RX-packets"), Number("RX-bytes"), Number("TX-packets"), Number("TX-bytes"), Number("TX-errors"));
    }

    public async ValueTask DisposeAsync()
    {
        if (!_program.HasExited)
        {
            await _program.TypeAsync("quit");
        }

        await _program.DisposeAsync();
    }
}

/// <summary>Counters of a port of testpmd.</summary>
internal sealed record PortCount(ulong RxPackets, ulong RxBytes, ulong TxPackets, ulong TxBytes, ulong TxErrors);
