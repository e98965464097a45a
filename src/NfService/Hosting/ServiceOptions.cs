namespace Nf.Service;

/// <summary>What the operator says.</summary>
/// <param name="RunDirectory">Where the sockets are.</param>
/// <param name="Metrics">Where metrics and probes are served over HTTP/1; null for nowhere.</param>
/// <param name="Quotas">Bytes of packet memory per owner.</param>
/// <param name="QuotaDefault">Bytes of an owner without a quota of its own; null for no limit.</param>
internal sealed record ServiceOptions(
    string RunDirectory, Uri? Metrics, IReadOnlyDictionary<string, ulong> Quotas, ulong? QuotaDefault)
{
    public const string RunDirectoryDefault = "/run/nf";
    public const string MetricsDefault = "http://127.0.0.1:9464";

    /// <summary>Where gRPC is served.</summary>
    public string GrpcSocket => Path.Combine(RunDirectory, "nf.sock");

    /// <summary>Where the data plane listens.</summary>
    public string DataPlaneSocket => Path.Combine(RunDirectory, "dataplane.sock");
}
