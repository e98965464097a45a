using System.CommandLine;
using System.CommandLine.Parsing;
using System.Globalization;
using System.Net;

namespace Nf.Service;

/// <summary>The options of nf-service; the environment gives their defaults.</summary>
internal static class CommandLine
{
    // sockaddr_un has 108 bytes, the last of which ends the path; a slash and "dataplane.sock" follow the directory.
    private const int RunDirectoryBytesMax = 107 - 15;

    /// <summary>Runs the program, or says in one line what is wrong with the options.</summary>
    /// <returns>The exit code: 2 for wrong options.</returns>
    public static async Task<int> RunAsync(string[] args, Func<ServiceOptions, Task<int>> run)
    {
        var runDirectory = new Option<string>("--run")
        {
            Description = "Directory of the sockets (NF_RUN)",
            DefaultValueFactory = _ => Setting("NF_RUN", ServiceOptions.RunDirectoryDefault),
        };
        var metrics = new Option<string>("--metrics")
        {
            Description = "Where metrics and probes are served, as http://ADDRESS:PORT, or none (NF_METRICS)",
            DefaultValueFactory = _ => Setting("NF_METRICS", ServiceOptions.MetricsDefault),
        };
        var quotas = new Option<string[]>("--quota")
        {
            Description = "OWNER=BYTES: most packet memory of an owner; K, M, G for powers of 1024; may be repeated",
            DefaultValueFactory = _ => [],
        };
        var quotaDefault = new Option<string?>("--quota-default")
        {
            Description = "BYTES: most packet memory of an owner without a quota; no limit when left out",
        };
        runDirectory.Validators.Add(
            result => Check(result, () => ParseRunDirectory(result.GetValueOrDefault<string>())));
        metrics.Validators.Add(result => Check(result, () => ParseMetrics(result.GetValueOrDefault<string>())));
        quotas.Validators.Add(result => Check(result, () => ParseQuotas(result.GetValueOrDefault<string[]>())));
        quotaDefault.Validators.Add(result => Check(result, () => ParseQuota(result.GetValueOrDefault<string?>())));

        var command = new RootCommand("The packet I/O service of a node: gRPC in front of nf-dataplane.")
        {
            runDirectory, metrics, quotas, quotaDefault,
        };
        command.SetAction((parsed, _) => run(new ServiceOptions(
            ParseRunDirectory(parsed.GetValue(runDirectory)!),
            ParseMetrics(parsed.GetValue(metrics)!),
            ParseQuotas(parsed.GetValue(quotas)!),
            ParseQuota(parsed.GetValue(quotaDefault)))));

        ParseResult result = command.Parse(args);
        if (result.Errors.Count > 0)
        {
            string faults = string.Join("; ", result.Errors.Select(error => error.Message));
            await Console.Error.WriteLineAsync($"nf-service: {faults}");
            return 2;
        }

        // SIGTERM is the host's to handle, not the parser's.
        return await result.InvokeAsync(new InvocationConfiguration { ProcessTerminationTimeout = null });
    }

    private static string Setting(string name, string fallback) =>
        Environment.GetEnvironmentVariable(name) is { Length: > 0 } value ? value : fallback;

    private static void Check(OptionResult result, Func<object?> parse)
    {
        try
        {
            parse();
        }
        catch (FormatException e)
        {
            result.AddError(e.Message);
        }
    }

    private static string ParseRunDirectory(string? value)
    {
        string full = value is { Length: > 0 } ? Path.GetFullPath(value) : throw new FormatException("--run is empty");
        return System.Text.Encoding.UTF8.GetByteCount(full) <= RunDirectoryBytesMax
            ? full
            : throw new FormatException(
                $"--run {full}: longer than {RunDirectoryBytesMax} bytes, too long for a socket's path");
    }

    private static Uri? ParseMetrics(string? value)
    {
        if (value is null or "none")
        {
            return null;
        }

        return Uri.TryCreate(value, UriKind.Absolute, out Uri? url) && url.Scheme == "http" && url.PathAndQuery == "/"
            && (IPAddress.TryParse(url.Host.Trim('[', ']'), out _) || url.Host == "localhost")
            ? url
            : throw new FormatException($"--metrics {value}: neither http://ADDRESS:PORT nor none");
    }

    private static Dictionary<string, ulong> ParseQuotas(string[]? values)
    {
        var quotas = new Dictionary<string, ulong>(StringComparer.Ordinal);
        foreach (string value in values ?? [])
        {
            string[] parts = value.Split('=', 2);
            if (parts.Length != 2 || !ResourceName.IsValid(parts[0]) || ParseBytes(parts[1]) is not { } bytes)
            {
                throw new FormatException($"--quota {value}: not OWNER=BYTES with an owner of {ResourceName.Rule}");
            }

            if (!quotas.TryAdd(parts[0], bytes))
            {
                throw new FormatException($"--quota {value}: the owner has a quota already");
            }
        }

        return quotas;
    }

    // Boxed null means that there is no limit.
    private static ulong? ParseQuota(string? value) => value is null
        ? null
        : ParseBytes(value) ?? throw new FormatException($"--quota-default {value}: no number of bytes");

    private static ulong? ParseBytes(string text)
    {
        int shift = text.Length == 0 ? 0 : char.ToUpperInvariant(text[^1]) switch
        {
            'K' => 10,
            'M' => 20,
            'G' => 30,
            _ => 0,
        };
        ReadOnlySpan<char> digits = shift == 0 ? text : text.AsSpan(0, text.Length - 1);
        return ulong.TryParse(digits, NumberStyles.None, CultureInfo.InvariantCulture, out ulong number)
            && number <= ulong.MaxValue >> shift
            ? number << shift
            : null;
    }
}
